"""Exported files, run where Chorale cannot be imported, beside what the engine makes."""

from __future__ import annotations

import builtins
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graph.compile import compile_workflow
from graph.controls import Controls
from graph.ensemble import assemble
from graph.events import Performance
from graph.export.script import Exported, export
from graph.library import Library
from graph.loop import play
from graph.plan import Plan
from graph.preview import Watch
from graph.runtime import Runtime
from nodes import catalogue
from studio.piece import WORKFLOWS
from tests.graph.documents import Nodes, document
from tests.graph.experts.alone import CPU

_RUNTIMES: dict[Path, Runtime] = {}
OURS = {"app", "bench", "graph", "nodes", "studio", "tests", "training"}


def unwritten() -> dict[str, Any]:
    """The plane of the examples as no file says it yet: its weights sum to 1 but at the start."""
    told = json.loads((WORKFLOWS / "plane.json").read_text("utf-8"))
    told["nodes"] = [each for each in told["nodes"] if each["id"] != "anywhere"]
    told["wires"] = [each for each in told["wires"] if each["to"] != "fuse.background"]
    settings = {each["id"]: each["settings"] for each in told["nodes"]}
    settings["sampler"]["schedule"] = {"name": "flow"}
    for each in ("height", "side"):
        settings[each]["reliability"] = 0.5
    points = {"points": [[0.0, 1.0], [1.0, 1.5]]}
    told["nodes"].append({"id": "louder", "type": "curve", "settings": points})
    told["wires"].append({"from": "louder.reliability", "to": "height.reliability"})
    return told


def planned(library: Library, nodes: Nodes, wires: Sequence[str]) -> Plan:
    """The plan of a workflow without errors."""
    found = compile_workflow(document(nodes, tuple(wires)), catalogue(), library)
    assert found.plan is not None, found.diagnostics
    return found.plan


def by_engine(plan: Plan, library: Library, performance: Performance | None = None) -> list[Tensor]:
    """The clean states of every track."""
    runtime = _RUNTIMES.setdefault(library.folder, Runtime(library, CPU))
    cast = assemble(plan, runtime)
    controls = Controls(plan.controls, performance)
    events = play(cast.tracks, controls, threading.Event(), Watch(0.0, {}))
    return [event[1] for event in events if isinstance(event, tuple)]


def opened(exported: Exported, folder: Path, stem: str = "exported") -> dict[str, Any]:
    """What the file defines, with its pictures beside it and nothing of Chorale to import."""

    def alone(name: str, *more: Any) -> Any:
        assert name.partition(".")[0] not in OURS, f"an exported file imports {name}"
        return builtins.__import__(name, *more)

    folder.mkdir(parents=True, exist_ok=True)
    for name, data in exported.files.items():
        (folder / name).write_bytes(data)
    path = folder / f"{stem}.py"
    path.write_text(exported.text, "utf-8")
    found: dict[str, Any] = {
        "__builtins__": {**vars(builtins), "__import__": alone},
        "__file__": str(path),
        "__name__": stem,
    }
    exec(compile(exported.text, str(path), "exec"), found)
    found["DEVICE"] = "cpu"
    return found


def by_file(exported: Exported, folder: Path) -> list[Tensor]:
    """The clean states of every track, by the exported file."""
    found = opened(exported, folder)
    names = sorted(name for name in found if name == "sample" or name.startswith("sample_"))
    return [found[name]() for name in names]


def agree(
    library: Library, folder: Path, plan: Plan, performance: Performance | None = None
) -> str:
    """Both make the same; the text of the file."""
    exported = export(plan, library, title="Test", performance=performance)
    expected = by_engine(plan, library, performance)
    states = by_file(exported, folder)
    assert len(states) == len(expected)
    for state, other in zip(states, expected, strict=True):
        assert state.shape == other.shape
        assert state.dtype == torch.float32
        away = float((state - other).abs().max())
        assert away <= 1e-4 * max(float(other.abs().max()), 1.0), away
        assert bool(state.isfinite().all())
    return exported.text
