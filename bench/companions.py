"""What companions cost: a step with each of them over a step of the expert alone."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterator
from typing import Any

from bench.timing import Row
from graph.events import Progress
from graph.storage import import_assets
from graph.workflow import Workflow, read_workflow
from studio.piece import WORKFLOWS, Piece, library

Companion = dict[str, Any]
STEPS, ROUNDS = 9, 3
TARGETS = {
    "class": ("scene", "label", {"name": "sea at night"}, "class", "playground/classifier"),
    "mask": ("mask", "mask", {}, "mask", "playground/segmenter"),
    "depth": ("depth", "depth", {}, "depth", "playground/depth"),
}
GUIDED = (
    *((target, "estimate") for target in TARGETS),
    *(("class", method) for method in ("dps", "freedom", "tfg")),
)


def rows() -> Iterator[Row]:
    """Each companion over the unconditional expert; a guidance out of its range; two that share."""
    alone = _step(_piece())
    yield Row("a step of the expert alone", 1e3 * alone, "ms", "–")
    modulated = _step(_piece(_modulator()))
    yield Row(
        "modulator, two maps", modulated / alone, "×", "–", f"{1e3 * modulated:.0f} ms a step"
    )
    for target, method in GUIDED:
        taken = _step(_piece(_guidance(0, target, method)))
        what = f"guided to a {target} by {method}"
        yield Row(what, taken / alone, "×", "–", f"{1e3 * taken:.0f} ms a step")
    one = _guidance(0, "class", "estimate")
    single, both = (_step(_piece(*parts)) for parts in ((one,), (one, _second())))
    yield Row(
        "a second classifier beside the first", (both - single) / (single - alone), "×", "< 1"
    )
    silent = _step(_piece(_guidance(0, "class", "estimate", to_noise=0.999)))
    yield Row("guidance out of its range", silent / alone, "×", "≤ 1.05")


def _second() -> Companion:
    """Another classifier, for the same class."""
    return _guidance(1, "class", "estimate", model="playground/classifier-vit")


def _guidance(number: int, target: str, method: str, **settings: Any) -> Companion:
    """A guidance towards a target, with what is wired to it."""
    name, kind, own, port, model = TARGETS[target]
    guide = f"guide{number}"
    told = {"model": model, "method": {"name": method}, **settings}
    return {
        "node": guide,
        "nodes": [(guide, "guidance", told), (f"{name}{number}", kind, own)],
        "wires": [(f"{name}{number}.{port}", f"{guide}.{port}")],
    }


def _modulator() -> Companion:
    """The Playground's modulator, with both its maps."""
    return {
        "node": "bent",
        "nodes": [("bent", "modulator", {}), ("where", "mask", {}), ("lines", "sketch", {})],
        "wires": [("where.mask", "bent.mask"), ("lines.sketch", "bent.sketch")],
    }


def _piece(*companions: Companion) -> Piece:
    """The unconditional expert under companions, one around the other."""
    nodes: list[tuple[str, str, dict[str, Any]]] = [
        ("expert", "unconditional_expert", {}),
        ("sampler", "sampler", {"steps": STEPS}),
        ("picture", "picture", {}),
    ]
    wires, last = [("sampler.sampling", "picture.sampling")], "expert"
    for each in companions:
        nodes += each["nodes"]
        wires += [*each["wires"], (f"{last}.score", f"{each['node']}.score")]
        last = each["node"]
    wires.append((f"{last}.score", "picture.score"))
    document = {
        "chorale": 1,
        "nodes": [{"id": i, "type": kind, "settings": own} for i, kind, own in nodes],
        "wires": [{"from": a, "to": b} for a, b in wires],
    }
    workflow = _painted(Workflow.model_validate(document))
    import_assets(workflow, library())
    return Piece(workflow)


def _painted(workflow: Workflow) -> Workflow:
    """With the mask and the sketch of an example wherever one is wanted."""
    example = read_workflow(WORKFLOWS / "first-light.json")
    pictures = {each.type: each.settings.get("picture") for each in example.nodes}
    pictures["depth"] = pictures["mask"]  # any grey will do
    asked = [node for node in workflow.nodes if node.type in ("mask", "sketch", "depth")]
    for node in asked:
        workflow = workflow.with_settings(node.id, picture=pictures[node.type])
    return workflow.model_copy(update={"assets": example.assets})


def _step(piece: Piece) -> float:
    """Median seconds of a step, of the fastest of some runs after a warm-up."""
    return min([_run(piece) for _ in range(ROUNDS + 1)][1:])


def _run(piece: Piece) -> float:
    times = [time.perf_counter() for event in piece.play() if isinstance(event, Progress)]
    return statistics.median(b - a for a, b in itertools.pairwise(times))
