"""Modulators from their folders, over real checkpoints, from workflow to picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from graph.compile import compile_workflow
from graph.controls import Controls
from graph.events import Event, Failure, Progress, Result
from graph.folders import network_hash
from graph.library import Library
from graph.machine import Machine
from graph.modulators.unet import UNet
from graph.plan import Plan
from graph.runtime import Runtime
from nodes import catalogue
from tests.graph.documents import Nodes, document
from tests.graph.experts import folders
from tests.graph.modules import write_modulator

CPU = Machine(torch.device("cpu"), torch.float32)
NAME = "playground/modulator-maps"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """A class expert of a small latent space, and a stored mask."""
    card = {"condition": "class", "labels": ["sea at night", "sea by day"]}
    folders.dit(tmp_path / "models" / "playground" / "class", card=card)
    return Library(tmp_path / "models", tmp_path / "assets")


def train(library: Library, seed: int | None, **changes: Any) -> None:
    """A modulator of that base; without a seed, as training begins."""
    base = library.model("playground/class")
    told: dict[str, Any] = {
        "base": base.name,
        "base_hash": network_hash(base.folder),
        "space_id": base.space.id,
        "shape": base.space.shape,
        "factor": 8,
        "seed": seed,
    }
    write_modulator(library.folder / NAME, **{**told, **changes})


def stored(library: Library, tmp_path: Path, colour: tuple[int, int, int]) -> str:
    path = tmp_path / "map.png"
    Image.new("RGB", (32, 32), colour).save(path)
    return library.assets.put(path.read_bytes())


def plan_of(library: Library, mask: str, modulated: bool = True) -> Plan:
    nodes: Nodes = {
        "scene": ("label", {"name": "sea at night"}),
        "expert": ("class_expert", {}),
        "mask": ("mask", {"picture": mask}),
        "bend": ("modulator", {}),
        "sampler": ("sampler", {"steps": 4, "count": 2}),
        "picture": ("picture", {}),
    }
    last = "bend" if modulated else "expert"
    wires = [
        "scene.class > expert.class",
        f"{last}.score > picture.score",
        "sampler.sampling > picture.sampling",
    ]
    if modulated:
        wires += ["expert.score > bend.score", "mask.mask > bend.mask"]
    compiled = compile_workflow(document(nodes, tuple(wires)), catalogue(), library)
    assert compiled.plan is not None, compiled.diagnostics
    return compiled.plan


def result(events: Iterator[Event]) -> Result:
    last = list(events)[-1]
    assert isinstance(last, Result), last
    return last


def pixels(done: Result) -> np.ndarray:
    return np.stack([np.asarray(picture) for picture in done.pictures])


def test_an_untrained_modulator_paints_the_picture_of_its_base(
    library: Library, tmp_path: Path
) -> None:
    train(library, None)
    mask = stored(library, tmp_path, (200, 30, 30))
    base = result(Runtime(library, CPU).run(plan_of(library, mask, modulated=False)))
    bent = result(Runtime(library, CPU).run(plan_of(library, mask)))
    assert np.array_equal(pixels(bent), pixels(base))
    assert bent.meters is not None
    assert bent.meters.share["bend"] == 0.0


def test_a_trained_one_hears_its_map_its_fader_and_its_folder(
    library: Library, tmp_path: Path
) -> None:
    train(library, 1)
    red, blue = (stored(library, tmp_path, rgb) for rgb in ((200, 30, 30), (30, 30, 200)))
    runtime = Runtime(library, CPU)
    base = pixels(result(runtime.run(plan_of(library, red, modulated=False))))
    one = result(runtime.run(plan_of(library, red)))
    assert not np.array_equal(pixels(one), base)
    assert not np.array_equal(pixels(one), pixels(result(runtime.run(plan_of(library, blue)))))
    assert one.meters is not None
    assert one.meters.share["bend"] > 0.01
    silent = Controls(plan_of(library, red).controls)
    silent.set("bend.reliability", 0.0)
    assert np.array_equal(pixels(result(runtime.run(plan_of(library, red), silent))), base)
    train(library, 2)
    again = result(runtime.run(plan_of(library, red)))
    assert not np.array_equal(pixels(again), pixels(one))


def test_a_performance_is_replayed_bit_by_bit(library: Library, tmp_path: Path) -> None:
    train(library, 1)
    plan = plan_of(library, stored(library, tmp_path, (200, 30, 30)))
    runtime, controls = Runtime(library, CPU), Controls(plan.controls)
    last, weights = None, []
    for last in runtime.run(plan, controls):
        if isinstance(last, Progress):
            weights.append(last.weights["bend"])
            if last.step == 2:
                controls.set("bend.reliability", 0.25)
    assert weights == [1.0, 1.0, 0.25, 0.25]
    assert isinstance(last, Result)
    again = result(Runtime(library, CPU).run(plan, performance=last.record))
    assert np.array_equal(pixels(again), pixels(last))
    assert not np.array_equal(pixels(result(runtime.run(plan))), pixels(last))


def test_moving_a_fader_reads_no_map_again(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(library, 1)
    loaded: list[str] = []
    load = UNet.load

    def counting(companion: Any, machine: Any) -> UNet:
        loaded.append(companion.name)
        return load(companion, machine)

    monkeypatch.setattr(UNet, "load", counting)
    plan = plan_of(library, stored(library, tmp_path, (200, 30, 30)))
    runtime = Runtime(library, CPU)
    result(runtime.run(plan))
    before = list(runtime._encoded.values())
    controls = Controls(plan.controls)
    controls.set("bend.reliability", 0.5)
    result(runtime.run(plan, controls))
    assert list(runtime._encoded.values()) == before
    assert loaded == [NAME]


def test_damaged_weights_end_the_run_with_a_sentence(library: Library, tmp_path: Path) -> None:
    train(library, 1)
    plan = plan_of(library, stored(library, tmp_path, (200, 30, 30)))
    (file,) = (library.folder / NAME).glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:1000])
    last = list(Runtime(library, CPU).run(plan))[-1]
    assert isinstance(last, Failure)
    assert last.diagnostics[0].code == "M013"
    assert NAME in last.diagnostics[0].message
