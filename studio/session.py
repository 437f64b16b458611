"""Everything that the page asks of Python; loads no torch until something is played."""

from __future__ import annotations

import base64
import binascii
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import nodes
from graph.assets import unpack
from graph.companions import Card, GuidanceCard
from graph.compile import compile_workflow
from graph.controls import Controls
from graph.errors import ChoraleError, Diagnostic, has_errors
from graph.events import Event, Result
from graph.inventory import Entry, inventory
from graph.plan import Plan
from graph.soloing import groups
from graph.storage import import_assets, performance_of, read_bytes
from graph.workflow import Workflow, dump_workflow, read_workflow
from studio import piece
from studio.archive import Archive, archive, has_key
from studio.cells import check, planned, unfit
from studio.compilers import Compilers
from studio.drafts import Drafts
from studio.frames import Frame, frame
from studio.rounds import rounds
from studio.runs import Playing, Runs
from studio.sheets import Sheet, read_sheet
from studio.shelf import Shelf
from studio.takes import Takes
from studio.thumbnails import thumbnails
from studio.training import Trainings

if TYPE_CHECKING:
    from graph.library import Library

log = logging.getLogger("chorale")
PREVIEWS_PER_SECOND = 20.0
HEARD = {"modulator": "score", "guidance": "guidance", "adapter": "adapter"}
"""What a companion's setting asks the page for, by its kind."""


class Session:
    """What one process offers its pages: templates, checks, and the runs that play."""

    def __init__(
        self,
        library: Library | None = None,
        shelf: Shelf | None = None,
        history: Archive | None = None,
        training: Trainings | None = None,
    ) -> None:
        self._library = library or piece.library()
        self._shelf = shelf or Shelf()
        self._runs = Runs()
        self._drafts = Drafts()
        self._compilers = Compilers(nodes.catalogue(), self._library)
        self.history = history or archive(piece.DATA)
        self.training = training or Trainings(piece.DATA, self._library.shelves.folders)
        self.private = False
        """Whether this machine alone can open its pages."""

    def warm(self) -> None:
        """Load torch and the experts of the opening workflow: the first run need not wait."""
        try:
            runtime = piece.runtime()
        except ChoraleError as error:  # every run says the same
            log.warning("no run can begin: %s", error)
            return
        workflow = Workflow.model_validate(self.opening()["workflow"])
        import_assets(workflow, self._library)
        compiled = compile_workflow(workflow, nodes.catalogue(), self._library)
        if compiled.plan is None:
            return
        try:
            runtime.prepare(compiled.plan)
        except ChoraleError as error:  # the first run says the same
            log.warning("the opening workflow was not prepared: %s", error)

    def opening(self) -> Frame:
        """What a first visit shows: {workflow, picture}."""
        return self._shelf.opening()

    def catalogue(self) -> Frame:
        """Every node declaration by its type, as JSON."""
        return nodes.catalogue_json()

    def models(self) -> Frame:
        """What the page must know of a model: its kind of condition, and what it knows of it.

        What a modulator is first given is a score, so it is offered where a score is heard; what
        guides is offered to guidance, and is `taught` or can be.
        """
        told = {"condition", "palette", "labels", "vocabulary"}
        models = self._library.models()
        experts = {model.name: model.card.model_dump(mode="json", include=told) for model in models}
        bending = {each.name: _bending(each.card) for each in self._library.companions()}
        tuning = {name: {"condition": "lora"} for name in self._library.loras()}
        return experts | bending | tuning

    def inventory(self) -> Frame:
        """The models that are there, {models}, and what is wrong with others, {said}.

        Folders that are new since the page opened are among them; hashes are kept.
        """
        found = list(inventory(self._library))
        return {
            "models": [asdict(each) for each in found if isinstance(each, Entry)],
            "said": [each.as_json() for each in found if isinstance(each, Diagnostic)],
        }

    def thumbnails(self, asked: Mapping[str, Any]) -> str | None:
        """The small pictures of a model's classes, or None."""
        return thumbnails(self._library, asked.get("model"))

    def templates(self) -> list[Frame]:
        """The templates that ship with the studio, with their pictures."""
        return self._shelf.list()

    def template(self, asked: Mapping[str, Any]) -> Frame | None:
        """The workflow and picture of a template, or None if there is none of that name."""
        name = asked.get("name")
        return self._shelf.open(str(name)) if name in self._shelf else None

    def open_picture(self, asked: Mapping[str, Any]) -> Frame:
        """The workflow and record inside a picture made here, or a message why there is none."""
        try:
            workflow, played = read_bytes(_bytes(str(asked.get("picture"))))
        except ChoraleError as error:
            return {"message": str(error)}
        record = None if played is None else [list(move) for move in played.moves]
        return {"workflow": json.loads(dump_workflow(workflow)), "record": record}

    def check(self, asked: Mapping[str, Any]) -> Frame:
        """The diagnostics of a workflow that is being edited, sent whole or as changes.

        `canvases` are the sizes of its pictures. Where the workflow has a plan, `curves` are those
        that no setting holds, by their controls, and `groups` says among which nodes a solo
        silences the others.
        """
        taken = self._drafts.take(asked)
        if taken is None:
            return {"again": True}
        number, document = taken
        try:
            workflow = _workflow(document)
        except ChoraleError as error:
            return {"number": number, **_told(error.diagnostics)}
        compiled = self._compilers.compile(asked.get("page"), workflow)
        sides = [asdict(each) for each in compiled.canvases]
        told = {"number": number, "canvases": sides, **_told(compiled.diagnostics)}
        if compiled.plan is None:
            return told
        return {**told, "curves": _derived(compiled.plan), "groups": groups(compiled.plan)}

    def unfit(self, asked: Mapping[str, Any]) -> Frame:
        """Which values of an axis the workflow cannot be sampled with: {unfit: [[value, why]]}.

        None of them where the axis itself cannot be swept: whoever asks for its sheet is told.
        """
        try:
            sheet = read_sheet([asked.get("axis")], _workflow(asked.get("workflow")))
        except ChoraleError:
            return {"unfit": []}
        return {"unfit": [list(each) for each in unfit(sheet, self._compiled)]}

    def open_text(self, asked: Mapping[str, Any]) -> Frame:
        """The workflow that a text from outside holds, read like a file, or a message why none."""
        try:
            workflow = read_workflow(str(asked.get("text")))
        except ChoraleError as error:
            return {"message": str(error)}
        return {"workflow": json.loads(dump_workflow(workflow))}

    def play(
        self,
        run: object,
        document: object,
        record: object,
        visitor: str,
        *,
        key: object = None,
        sheet: object = None,
    ) -> Iterator[Frame]:
        """A run's events as frames; a run that cannot begin is one failure frame.

        `sheet` asks for a sweep sheet of the workflow; `key` keeps the result in that browser's
        history.
        """
        try:
            with self._runs.playing(run, visitor) as playing:
                workflow = _workflow(document)
                asked = read_sheet(sheet, workflow) if sheet else None
                plans = [self._plan(workflow)] if asked is None else self._sheet_plans(asked)
                performance = None if record is None else performance_of(record)
                if len(plans) == 1:
                    playing.controls = Controls(plans[0].controls, performance)
                takes = Takes(workflow, plans, asked)
                yield {"run": run, "type": "started", **takes.told}
                for event in self._events(plans, playing):
                    yield {"run": run, **self._frame(event, takes, run, key)}
        except ChoraleError as error:
            yield {"run": run, "type": "failure", **_told(error.diagnostics)}

    def set_control(self, asked: Mapping[str, Any]) -> Frame:
        """Move a live value of a run that plays: {run, control, value}, and a map's {picture}."""
        playing = self._runs.find(asked.get("run"))
        if playing is None or playing.controls is None:
            return _told(())  # not begun or already over: nothing to move
        try:
            if asked.get("picture") is not None:
                self._library.assets.put(unpack(str(asked.get("value")), str(asked["picture"])))
            playing.controls.set(str(asked.get("control")), asked.get("value"))
        except ChoraleError as error:
            return _told(error.diagnostics)
        return _told(())

    def stop(self, asked: Mapping[str, Any]) -> Frame:
        """Stop a run at its next step; one that waits ends as soon as its turn comes."""
        return {"stopped": self._runs.stop(asked.get("run"))}

    def plays(self, run: object) -> bool:
        """Whether a run has left the queue and not ended."""
        return self._runs.find(run) is not None

    def leave(self, visitor: str) -> None:
        """Stop what a visitor's closed page has left playing."""
        self._runs.leave(visitor)

    def _plan(self, workflow: Workflow) -> Plan:
        """Store the workflow's pictures and compile it; ChoraleError with what is wrong."""
        import_assets(workflow, self._library)
        return self._compiled(workflow)

    def _compiled(self, workflow: Workflow) -> Plan:
        compiled = compile_workflow(workflow, nodes.catalogue(), self._library)
        if compiled.plan is None or has_errors(compiled.diagnostics):
            raise ChoraleError(*compiled.diagnostics)
        return compiled.plan

    def _sheet_plans(self, sheet: Sheet) -> list[Plan]:
        """The plan of a whole sheet, or of each round; ChoraleError with what is wrong in any."""
        import_assets(sheet.workflow, self._library)
        if not sheet.together:
            plans = planned(sheet, sheet.rounds(), self._compiled)
            check(sheet, plans)
            return plans
        planned(sheet, sheet.corners(), self._compiled)
        return [self._compiled(sheet.played())]

    def _frame(self, event: Event, takes: Takes, run: object, key: object) -> Frame:
        """An event as a frame; a result is also kept, if its browser has a history."""
        if not isinstance(event, Result):
            return frame(event)
        event = takes.result(event)
        pictures = takes.pictures(event, self._library)
        made = {**frame(event, pictures), **takes.shown}
        if not has_key(key):
            return made
        told = {**made, "seed": takes.seed}
        return {**made, **self.history.keep(key, run, takes.document, told, pictures)}

    def _events(self, plans: Sequence[Plan], playing: Playing) -> Iterator[Event]:
        """Play one plan with controls that the page can move, or several one after another."""

        def play(plan: Plan) -> Iterator[Event]:
            controls = playing.controls or Controls(plan.controls)
            return piece.runtime().run(
                plan, controls, previews=PREVIEWS_PER_SECOND, stop=playing.stop
            )

        yield from play(plans[0]) if len(plans) == 1 else rounds(plans, play)


def _workflow(document: object) -> Workflow:
    """The document that a page sent, held to everything that a file is held to."""
    return read_workflow(json.dumps(document))


def _bending(card: Card) -> Frame:
    """What the page must know of what bends an expert."""
    told = card.model_dump(mode="json", include={"palette", "labels", "asks"})
    taught = isinstance(card, GuidanceCard) and card.ranges is not None
    return {"condition": HEARD[card.kind], "taught": taught, **told}


def _bytes(address: str) -> bytes:
    """The content of a data URL; nothing if it is none."""
    try:
        return base64.b64decode(address.partition(",")[2], validate=True)
    except binascii.Error:
        return b""


def _derived(plan: Plan) -> Frame:
    return {control.name: control.default for control in plan.controls if control.derived}


def _told(diagnostics: Sequence[Diagnostic]) -> Frame:
    return {"diagnostics": [each.as_json() for each in diagnostics]}
