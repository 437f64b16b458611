"""A piece: an opened workflow that can be changed, checked, played and saved."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from graph.addresses import drawing_of
from graph.compile import compile_workflow
from graph.drawing import Drawing, Wire, WorkflowNode
from graph.errors import ChoraleError, Diagnostic, has_errors
from graph.events import Event, Failure, Performance, Result
from graph.export.script import Exported, export, from_here
from graph.flatten import flatten
from graph.footprint import amount
from graph.library import Library
from graph.plan import Plan
from graph.storage import import_assets, installed, read_any, with_played, write_picture
from graph.workflow import Workflow, dump_workflow
from nodes import catalogue
from nodes.drawn import STORED

if TYPE_CHECKING:
    from PIL.Image import Image

    from graph.runtime import Runtime

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "assets" / "models"
MODELS = (*map(Path, filter(None, os.environ.get("CHORALE_MODELS", "").split(os.pathsep))), SHIPPED)
"""Where models lie: the folders of the host, then what ships. The first has what was fetched, and
below `mine/` what was trained here."""
WORKFLOWS = ROOT / "assets" / "workflows"
DATA = Path(os.environ.get("CHORALE_DATA") or ROOT / "data")
"""Where uploads, the run history and trainings are kept."""
JOBS = DATA / "trainings"
DEVICES = os.environ.get("CHORALE_DEVICES") or ""
"""Which experts run on which device, such as `playground/text=cuda:1`; others on the lead one."""
MEMORY = os.environ.get("CHORALE_MEMORY")
"""How many bytes of a device networks may take, such as 12G; what is usual where it is not said."""

PRECISION = os.environ.get("CHORALE_PRECISION") or ""
"""In what networks answer, such as bfloat16; the best of the device where it is not said."""
SPEED = os.environ.get("CHORALE_SPEED") or ""
"""What makes networks quicker at a price: compile, graphs, channels-last."""


@cache
def library() -> Library:
    """The models that ship and the files of this installation."""
    return Library(MODELS, DATA / "assets")


def memory() -> int | None:
    """The bytes that networks may take, if it is said; ChoraleError R013."""
    return amount(MEMORY) if MEMORY else None


_LOADING = Lock()


def runtime() -> Runtime:
    """The runtime of this process; importing torch waits until it is asked for.

    One thread imports, others wait: a run may be asked for while the page still warms up, and the
    lazy modules of the libraries do not bear being imported twice at once.
    """
    with _LOADING:
        return _runtime()


@cache
def _runtime() -> Runtime:
    from graph.machine import Machine, Placement
    from graph.runtime import Runtime

    machine = Machine.read(PRECISION, SPEED)
    placement = Placement.read(DEVICES, library().names())
    return Runtime(library(), machine, memory(), placement)


@dataclass(frozen=True)
class Piece:
    """A workflow with the performance that is replayed when it plays, if there is one."""

    workflow: Workflow
    performance: Performance | None = None

    def with_setting(self, address: str, value: Any) -> Piece:
        """A copy with one setting replaced; the address is `node.setting` or `node.choice.field`.

        `outer/inner.setting` lies in the subgraph that `outer` stands for. A replayed performance
        no longer moves a control that is set. ChoraleError S010 if there is no such node.
        """
        node_id, _, path = address.partition(".")
        node = self.workflow.find(node_id)
        if node is None or not path:
            drawing, rest = drawing_of(self.workflow, self.workflow.subgraphs, node_id)
            outer = node_id.removesuffix(rest)
            known = ", ".join(outer + each.id for each in drawing.nodes)
            raise ChoraleError(
                Diagnostic(
                    "S010",
                    f"'{address}' names no setting; expected node.setting with a node of: {known}.",
                    "For example text.text='a red house'.",
                )
            )
        setting, _, field = path.partition(".")
        if field:
            old = node.settings.get(setting)
            value = {**(old if isinstance(old, dict) else {}), field: value}
        workflow = self.workflow.with_settings(node_id, **{setting: value})
        moves = self.performance.moves if self.performance else ()
        kept = tuple(move for move in moves if move[1] != f"{node_id}.{setting}")
        return Piece(workflow, replace(self.performance, moves=kept) if self.performance else None)

    def takes_file(self, address: str) -> bool:
        """Whether the setting of that address names a stored picture or sound."""
        node_id, _, setting = address.partition(".")
        node = self.workflow.find(node_id)
        declared = catalogue().get(node.type) if node else None
        form: dict[str, Any] = declared.model_json_schema()["properties"] if declared else {}
        return form.get(setting, {}).get("pattern") == STORED

    def with_file(self, address: str, data: bytes) -> Piece:
        """A copy that carries a picture or sound, which the setting of that address names.

        ChoraleError S010 as for `with_setting`, A003 to A015 for what is no fitting file.
        """
        name = library().assets.put(data)
        changed = self.with_setting(address, name)
        named = dump_workflow(changed.workflow.model_copy(update={"assets": {}}))
        files = {**changed.workflow.assets, name: base64.b64encode(data).decode()}
        kept = {each: text for each, text in files.items() if each in named}
        return replace(changed, workflow=changed.workflow.model_copy(update={"assets": kept}))

    def with_sampling(self, **settings: Any) -> Piece:
        """A copy whose samplers have these settings (seed, count, steps).

        A picture without a sampler gets one.
        """
        flat, workflow = flatten(self.workflow, catalogue()).workflow, self.workflow
        for node in flat.nodes:
            if node.type == "picture" and not _wired(flat, f"{node.id}.sampling"):
                workflow = _add_sampler(workflow, node.id)
        workflow = workflow.throughout(lambda drawing: sampled(drawing, settings))
        return Piece(workflow, self.performance)

    def check(self) -> tuple[Diagnostic, ...]:
        """Everything that is wrong or worth saying about the workflow."""
        return tuple(compile_workflow(self.workflow, catalogue(), library()).diagnostics)

    def plan(self) -> Plan:
        """The compiled workflow; ChoraleError with its diagnostics if it cannot be played."""
        compiled = compile_workflow(self.workflow, catalogue(), library())
        if compiled.plan is None or has_errors(compiled.diagnostics):
            raise ChoraleError(*compiled.diagnostics)
        return compiled.plan

    def play(self, previews: float = 0.0) -> Iterator[Event]:
        """The events of one run, with at most so many previews a second."""
        return runtime().run(self.plan(), performance=self.performance, previews=previews)

    def run(self) -> list[Image]:
        """Play to the end and return the pictures; ChoraleError if the run fails."""
        pictures: list[Image] = []
        for event in self.play():
            if isinstance(event, Failure):
                raise ChoraleError(*event.diagnostics)
            if isinstance(event, Result):
                pictures += event.pictures
        return pictures

    def export(
        self, stem: str | None = None, *, models: Callable[[Path], Path] = from_here
    ) -> Exported:
        """The workflow as one Python file on torch and diffusers alone, with its performance.

        `stem` begins the names of its pictures; `models` says what a model folder is called in it.
        ChoraleError W024 for what cannot be exported.
        """
        return export(
            self.plan(),
            library(),
            title=self.workflow.title,
            description=self.workflow.description,
            stem=stem or self.stem,
            performance=self.performance,
            versions=installed(),
            models=models,
        )

    @property
    def stem(self) -> str:
        """How the names of its files begin."""
        return re.sub(r"[^a-z0-9]+", "-", self.workflow.title.lower()).strip("-") or "untitled"

    def save(self, result: Result, folder: Path) -> list[Path]:
        """Write the pictures of a result, each with workflow, versions and performance inside."""
        folder.mkdir(parents=True, exist_ok=True)
        seed = seed_of(self.plan())
        workflow = with_played(self.workflow, result.record, library())
        paths: list[Path] = []
        for sample, picture in enumerate(result.pictures):
            path = _free(folder, self.stem)
            write_picture(path, picture, workflow, result.record, seed=seed, sample=sample)
            paths.append(path)
        return paths


def seed_of(plan: Plan) -> int:
    """The seed that the first track of a plan is sampled from."""
    return next(int(op["seed"]) for op in plan.operations if op.op == "noise")  # pyright: ignore[reportArgumentType]


def load(path: str | Path) -> Piece:
    """Open a workflow file, or a picture that carries its workflow and performance."""
    workflow, performance = read_any(Path(path))
    import_assets(workflow, library())
    return Piece(workflow, performance)


def _wired(workflow: Workflow, target: str) -> bool:
    return any(wire.target == target for wire in workflow.wires)


def sampled(drawing: Drawing, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The nodes of a drawing with these settings in its samplers."""
    nodes = (
        node.with_settings(**settings) if node.type == "sampler" else node for node in drawing.nodes
    )
    return {"nodes": tuple(nodes)}


def _add_sampler(workflow: Workflow, picture: str) -> Workflow:
    """The workflow with a sampler beside the picture of that address, wired to it."""
    *path, picture = picture.split("/")

    def added(drawing: Drawing) -> Mapping[str, Any]:
        taken = {node.id for node in drawing.nodes}
        names = ("sampler", *(f"sampler{number}" for number in range(1, len(taken) + 1)))
        name = next(each for each in names if each not in taken)
        wire = Wire.model_validate({"from": f"{name}.sampling", "to": f"{picture}.sampling"})
        return {
            "nodes": (*drawing.nodes, WorkflowNode(id=name, type="sampler")),
            "wires": (*drawing.wires, wire),
        }

    return workflow.within(path, added)


def _free(folder: Path, stem: str) -> Path:
    """The next unused name, so that nothing already made is overwritten."""
    number = 1
    while (path := folder / f"{stem}-{number:04d}.png").exists():
        number += 1
    return path
