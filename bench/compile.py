"""What compiling costs in processor time: cold, unchanged and edited, for chains of nodes."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.timing import HEADER, Row
from graph.compile import Compiler
from graph.library import Library
from graph.workflow import Workflow
from nodes import catalogue

SIZES = (100, 400, 1600)
REPEATS = 7


def chain(size: int) -> Workflow:
    """A chain of `size` nodes: each fusion mixes one more expert, with a curve, into the last."""
    nodes = [
        {"id": "picture", "type": "picture"},
        {"id": "fuse0", "type": "fuse", "settings": {"rule": {"name": "mean"}}},
        {"id": "expert0", "type": "gaussian_expert"},
    ]
    wires = [("expert0.score", "fuse0.scores")]
    last = 0
    while len(nodes) + 3 <= size:
        last += 1
        settings = {"mean": last / size, "shape": [4, 16, 16]}
        nodes += [
            {"id": f"curve{last}", "type": "curve"},
            {"id": f"expert{last}", "type": "gaussian_expert", "settings": settings},
            {"id": f"fuse{last}", "type": "fuse", "settings": {"rule": {"name": "mean"}}},
        ]
        wires += [
            (f"curve{last}.reliability", f"expert{last}.reliability"),
            (f"expert{last}.score", f"fuse{last}.scores"),
            (f"fuse{last - 1}.score", f"fuse{last}.scores"),
        ]
    nodes[2]["settings"] = {"shape": [4, 16, 16]}
    wires.append((f"fuse{last}.score", "picture.score"))
    drawn = [{"from": origin, "to": target} for origin, target in wires]
    return Workflow.model_validate({"nodes": nodes, "wires": drawn})


def rows() -> Iterator[Row]:
    """The median of several compilations, each with a compiler of its own, and of repeats."""
    with tempfile.TemporaryDirectory() as folder:
        library = Library(Path(folder), Path(folder))
        for size in SIZES:
            yield from _measured(size, library)


def _measured(size: int, library: Library) -> Iterator[Row]:
    workflow = chain(size)
    cold: list[float] = []
    again: list[float] = []
    moved: list[float] = []
    for number in range(REPEATS):
        compiler = Compiler(catalogue(), library)
        same = Workflow.model_validate_json(workflow.model_dump_json(by_alias=True))
        changed = workflow.with_settings("expert0", mean=float(number))
        cold.append(_seconds(compiler, workflow))
        again.append(_seconds(compiler, same))
        moved.append(_seconds(compiler, changed))
    bounds = {400: ("≤ 50", "≤ 5")}.get(size, ("linear", "linear"))
    detail = f"{statistics.median(cold) / size * 1e6:.0f} µs a node"
    yield Row(f"compile {size} nodes, cold", _milli(cold), "ms", bounds[0], detail)
    yield Row(f"compile {size} nodes, unchanged", _milli(again), "ms", bounds[1])
    yield Row(f"compile {size} nodes, one setting changed", _milli(moved), "ms", "reported")


def _seconds(compiler: Compiler, workflow: Workflow) -> float:
    """Processor time of one compilation, which no neighbour on the machine can lengthen."""
    began = time.process_time()
    _playable(compiler, workflow)
    return time.process_time() - began


def _playable(compiler: Compiler, workflow: Workflow) -> None:
    compiled = compiler.compile(workflow)
    if compiled.plan is None:
        raise ValueError("\n".join(map(str, compiled.diagnostics)))


def _milli(times: list[float]) -> float:
    return statistics.median(times) * 1e3


if __name__ == "__main__":
    print(HEADER, *rows(), sep="\n", file=sys.stdout)
