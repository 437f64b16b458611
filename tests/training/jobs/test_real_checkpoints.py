"""Modules for checkpoints as people own them, from a training file to a picture."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from graph.compile import compile_workflow
from graph.controls import Controls
from graph.events import Result
from graph.library import Library
from graph.runtime import Runtime
from nodes import catalogue
from tests.graph.classifiers import LABELS, write_classifier
from tests.graph.documents import Nodes, document
from tests.graph.experts import folders
from tests.graph.experts.alone import CPU
from training.jobs.command import main

ROOT = Path(__file__).parents[3]
FAMILIES = {
    "stable_diffusion": (folders.stable_diffusion, "resnet"),
    "stable_diffusion_xl": (folders.stable_diffusion_xl, "segformer"),
    "stable_diffusion_3": (folders.stable_diffusion_3, "dpt"),
    "pixart": (folders.pixart, "vit"),
}
TARGETS: dict[str, tuple[str, str]] = {
    "resnet": ("class", "label"),
    "vit": ("class", "label"),
    "segformer": ("mask", "mask"),
    "dpt": ("depth", "depth"),
}


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "models", tmp_path / "assets")


def train(library: Library, **told: Any) -> None:
    """What a person does at the command line, two steps long."""
    path = library.folder.parent / "t.json"
    path.write_text(json.dumps({"chorale_training": 1, "name": "own", "steps": 2, **told}))
    jobs = library.folder.parent / "data" / "trainings"
    assert main([str(path), "--json"], library.folder, jobs) == 0


def painted(library: Library) -> str:
    """A stored picture, dark above and light below."""
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((48, 48)).save(buffer, "PNG")
    return library.assets.put(buffer.getvalue())


def played(library: Library, nodes: Nodes, wires: tuple[str, ...], fader: str) -> list[np.ndarray]:
    """The picture with the module silent, and with it heard; nothing is warned of."""
    compiled = compile_workflow(document(nodes, wires), catalogue(), library)
    assert [each for each in compiled.diagnostics if each.severity != "note"] == []
    assert compiled.plan is not None
    found: list[np.ndarray] = []
    for reliability in (0.0, 1.0):
        controls = Controls(compiled.plan.controls)
        controls.set(fader, reliability)
        last = list(Runtime(library, CPU).run(compiled.plan, controls))[-1]
        assert isinstance(last, Result), last
        found.append(np.asarray(last.pictures[0], dtype=float))
    return found


def sentence(bent: str, module: dict[str, Any]) -> tuple[Nodes, tuple[str, ...]]:
    """A text expert of one's own, and a node that bends it."""
    nodes: Nodes = {
        "text": ("text", {"text": "a red boat"}),
        "expert": ("text_expert", {"model": "own/checkpoint", "guidance": 1.0}),
        "module": (bent, module),
        "sampler": ("sampler", {"steps": 3, "seed": 3}),
        "picture": ("picture", {}),
    }
    wires = (
        "text.text > expert.text",
        "expert.score > module.score",
        "module.score > picture.score",
        "sampler.sampling > picture.sampling",
    )
    return nodes, wires


@pytest.fixture
def gentle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "nice", lambda by: by)  # for this process it could not be taken back


@pytest.mark.usefixtures("gentle")
@pytest.mark.parametrize("name", FAMILIES)
def test_a_guidance_expert_for_a_checkpoint_of_one_s_own_leads_it(
    name: str, library: Library
) -> None:
    write: Callable[[Path], Path]
    write, onlooker = FAMILIES[name]
    write(library.folder / "own" / "checkpoint")
    write_classifier(library.folder / "own" / "onlooker", onlooker)
    train(
        library,
        kind="guidance",
        base="own/checkpoint",
        onlooker="own/onlooker",
        samples=6,
        settings={"ranges": 2, "share": 0.5, "batch": 4, "held_out": 2, "steps": 2},
    )
    port, source = TARGETS[onlooker]
    settings = {"name": LABELS[1]} if port == "class" else {"picture": painted(library)}
    module = {"model": "mine/own", "method": {"name": "state"}, "scale": 20.0}
    nodes, wires = sentence("guidance", module)
    nodes = {**nodes, "target": (source, settings)}
    silent, heard = played(
        library, nodes, (*wires, f"target.{port} > module.{port}"), "module.reliability"
    )
    assert silent.shape == heard.shape
    assert np.abs(silent - heard).max() > 0


@pytest.mark.usefixtures("gentle")
def test_a_modulator_for_a_checkpoint_of_one_s_own_bends_it(library: Library) -> None:
    folders.stable_diffusion(library.folder / "own" / "checkpoint")
    train(
        library,
        kind="modulator",
        base="own/checkpoint",
        maps=["sketch"],
        material={"source": "playground", "pairs": 4},
        settings={"batch": 4, "levels": 2, "widths": [8], "views": 1, "lr": 0.1, "ema": 0.0},
    )
    nodes, wires = sentence("modulator", {"model": "mine/own"})
    nodes = {**nodes, "lines": ("sketch", {"picture": painted(library)})}
    silent, heard = played(
        library, nodes, (*wires, "lines.sketch > module.sketch"), "module.reliability"
    )
    assert np.abs(silent - heard).max() > 0


def test_the_command_makes_one_in_a_process_of_its_own(library: Library) -> None:
    folders.stable_diffusion(library.folder / "own" / "checkpoint")
    write_classifier(library.folder / "own" / "onlooker")
    path = library.folder.parent / "t.json"
    told = {
        "chorale_training": 1,
        "kind": "guidance",
        "name": "own",
        "onlooker": "own/onlooker",
        "base": "own/checkpoint",
        "samples": 6,
        "steps": 2,
        "settings": {"ranges": 2, "share": 0.5, "batch": 4, "held_out": 2, "steps": 2},
    }
    path.write_text(json.dumps(told))
    places = {
        "CHORALE_MODELS": str(library.folder),
        "CHORALE_DATA": str(library.folder.parent / "data"),
    }
    ran = subprocess.run(
        [sys.executable, str(ROOT / "app.py"), "train", str(path)],
        env={**os.environ, **places, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "own/checkpoint paints 6 pictures of 32×32 to learn from, 2 held out." in ran.stdout
    assert "mine/own is trained: held-out loss" in ran.stdout
    assert library.companion("mine/own").card.ranges.base == "own/checkpoint"
