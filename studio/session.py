"""Everything that the page asks of Python; loads no torch until something is played."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import nodes
from graph.assets import unpack
from graph.compile import compile_workflow
from graph.controls import Controls
from graph.errors import ChoraleError, Diagnostic, has_errors
from graph.events import Event, Result
from graph.plan import Plan
from graph.storage import import_assets, performance_of, picture_bytes, read_bytes
from graph.workflow import Workflow, dump_workflow, read_workflow
from studio import piece
from studio.frames import Frame, frame, labels
from studio.runs import Playing, Runs
from studio.shelf import Shelf

if TYPE_CHECKING:
    from graph.library import Library

PREVIEWS_PER_SECOND = 20.0


class Session:
    """What one process offers its pages: templates, checks, and the runs that play."""

    def __init__(self, library: Library | None = None, shelf: Shelf | None = None) -> None:
        self._library = library or piece.library()
        self._shelf = shelf or Shelf()
        self._runs = Runs()

    def warm(self) -> None:
        """Load torch and the experts of the opening workflow: the first run need not wait."""
        runtime = piece.runtime()
        workflow = Workflow.model_validate(self.opening()["workflow"])
        import_assets(workflow, self._library)
        compiled = compile_workflow(workflow, nodes.catalogue(), self._library)
        if compiled.plan is not None:
            runtime.prepare(compiled.plan)

    def opening(self) -> Frame:
        """What a first visit shows: {workflow, picture}."""
        return self._shelf.opening()

    def catalogue(self) -> Frame:
        """Every node declaration by its type, as JSON."""
        return nodes.catalogue_json()

    def models(self) -> Frame:
        """What the page must know of a model: its kind of condition, and what it knows of it."""
        told = {"condition", "palette", "labels", "vocabulary"}
        models = self._library.models()
        return {model.name: model.card.model_dump(mode="json", include=told) for model in models}

    def templates(self) -> list[Frame]:
        """The templates that ship with the studio, with their pictures."""
        return self._shelf.list()

    def template(self, asked: Mapping[str, Any]) -> Frame | None:
        """The workflow and picture of a template, or None if there is none of that name."""
        name = asked.get("name")
        return self._shelf.open(str(name)) if name in self._shelf else None

    def open_picture(self, asked: Mapping[str, Any]) -> Frame:
        """The workflow inside a picture that was made here, or a message why there is none."""
        try:
            workflow, _ = read_bytes(_bytes(str(asked.get("picture"))))
        except ChoraleError as error:
            return {"message": str(error)}
        return {"workflow": json.loads(dump_workflow(workflow))}

    def check(self, asked: Mapping[str, Any]) -> Frame:
        """The diagnostics of a workflow that is being edited."""
        try:
            workflow = _workflow(asked.get("workflow"))
        except ChoraleError as error:
            return _told(error.diagnostics)
        return _told(compile_workflow(workflow, nodes.catalogue(), self._library).diagnostics)

    def play(self, run: object, document: object, record: object, visitor: str) -> Iterator[Frame]:
        """A run's events as frames; a run that cannot begin is one failure frame."""
        try:
            with self._runs.playing(run, visitor) as playing:
                workflow = _workflow(document)
                plan = self._plan(workflow)
                performance = None if record is None else performance_of(record)
                playing.controls = Controls(plan.controls, performance)
                names = [control.name for control in plan.controls]
                yield {"run": run, "type": "started", "labels": labels(plan), "controls": names}
                for event in self._events(plan, playing.controls, playing):
                    yield {"run": run, **frame(event, _pictures(event, workflow))}
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
        """Stop a run at its next step."""
        playing = self._runs.find(asked.get("run"))
        if playing is not None:
            playing.stop.set()
        return {"stopped": playing is not None}

    def leave(self, visitor: str) -> None:
        """Stop what a visitor's closed page has left playing."""
        self._runs.leave(visitor)

    def _plan(self, workflow: Workflow) -> Plan:
        """Store the workflow's pictures and compile it; ChoraleError with what is wrong."""
        import_assets(workflow, self._library)
        compiled = compile_workflow(workflow, nodes.catalogue(), self._library)
        if compiled.plan is None or has_errors(compiled.diagnostics):
            raise ChoraleError(*compiled.diagnostics)
        return compiled.plan

    def _events(self, plan: Plan, controls: Controls, playing: Playing) -> Iterator[Event]:
        """Play the plan with controls that the page can move."""
        yield from piece.runtime().run(
            plan, controls, previews=PREVIEWS_PER_SECOND, stop=playing.stop
        )


def _pictures(event: Event, workflow: Workflow) -> list[bytes]:
    """The finished pictures of a result as PNG, each with workflow and performance inside."""
    if not isinstance(event, Result):
        return []
    return [
        picture_bytes(picture, workflow, event.record, sample=sample)
        for sample, picture in enumerate(event.pictures)
    ]


def _workflow(document: object) -> Workflow:
    """The document that a page sent, held to everything that a file is held to."""
    return read_workflow(json.dumps(document))


def _bytes(address: str) -> bytes:
    """The content of a data URL; nothing if it is none."""
    try:
        return base64.b64decode(address.partition(",")[2], validate=True)
    except binascii.Error:
        return b""


def _told(diagnostics: Sequence[Diagnostic]) -> Frame:
    return {"diagnostics": [each.as_json() for each in diagnostics]}
