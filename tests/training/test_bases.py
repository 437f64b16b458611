"""Every kind of base is bent: of text, of classes and of nothing, in latents and in pixels."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graph.compile import compile_workflow
from graph.events import Result
from graph.library import Library
from graph.runtime import Runtime
from nodes import catalogue
from tests.graph.documents import Nodes, document
from tests.graph.experts import folders
from tests.graph.experts.alone import CPU
from training.folders import MODELS
from training.modulators import ModulatorTraining, Settings, Task
from training.pairs import drawn

SMALL = Settings(batch=4, levels=2, widths=(8, 16), lr=5e-3, views=2)
ASKED: dict[str, tuple[str, str, Nodes]] = {
    "pixels": ("unconditional_expert", "", {}),
    "text": ("text_expert", "text", {"asked": ("text", {"text": "a red sailboat at sunset"})}),
    "class": ("class_expert", "class", {"asked": ("label", {"name": "sea at sunset"})}),
}
"""The node of a base, its port, and what is wired to that."""


@pytest.fixture(params=list(ASKED))
def base(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The name of a base in a library of its own: one that ships, or pixels in colours."""
    name = f"playground/{request.param}"
    if request.param == "pixels":
        folders.pixels(tmp_path / "models" / name, side=16)
    else:
        shutil.copytree(MODELS / request.param, tmp_path / "models" / name)
    return name


def begun(root: Path, base: str, maps: tuple[str, ...]) -> ModulatorTraining:
    return ModulatorTraining(Task("new", base, maps, pairs=4), SMALL, root / "models", root)


def painted(root: Path, base: str, maps: tuple[str, ...] | None) -> Any:
    """A picture of the base, under the module with these maps unless they are None."""
    library = Library(root / "models", root / "assets")
    kind, port, asked = ASKED[base.split("/")[1]]
    nodes: Nodes = {
        **asked,
        "expert": (kind, {"model": base}),
        "sampler": ("sampler", {"steps": 2}),
        "picture": ("picture", {}),
    }
    wires = ["sampler.sampling > picture.sampling"]
    wires += [f"asked.{port} > expert.{port}"] if asked else []
    if maps is None:
        wires += ["expert.score > picture.score"]
    else:
        (pair,) = drawn("bases", maps, 1).pairs
        nodes |= {"bend": ("modulator", {"model": "mine/new"})}
        wires += ["expert.score > bend.score", "bend.score > picture.score"]
        for each, picture in pair.maps.items():
            content = io.BytesIO()
            picture.save(content, "PNG")
            nodes |= {each: (each, {"picture": library.assets.put(content.getvalue())})}
            wires += [f"{each}.{each} > bend.{each}"]
    found = compile_workflow(document(nodes, wires), catalogue(), library)
    assert [each.code for each in found.diagnostics if each.severity != "note"] == []
    assert found.plan is not None
    last = list(Runtime(library, CPU).run(found.plan))[-1]
    assert isinstance(last, Result), last
    return np.asarray(last.pictures[0])


def test_it_is_bent_by_every_map_and_stays_as_it_is(tmp_path: Path, base: str) -> None:
    """Untrained, no bit; trained, the loss falls; the base has no gradient and stays."""
    torch.set_num_threads(1)
    maps = "mask", "sketch", "depth"
    training = begun(tmp_path, base, maps)
    module = tmp_path / "models" / "mine" / "new"
    training.write(module)
    plain = painted(tmp_path, base, None)
    assert np.array_equal(painted(tmp_path, base, maps), plain)
    weights = [part for each in vars(training.base).values() for part in _weights(each)]
    before = [part.clone() for part in weights]
    assert len(before) > 20
    for _ in range(24):
        training.advance(0.0)
    assert all(part.grad is None and not part.requires_grad for part in weights)
    assert all(map(torch.equal, before, weights))
    bent, alone = _errors(training)
    assert bent < 0.995 * alone
    training.write(module)
    assert not np.array_equal(painted(tmp_path, base, maps), plain)


def _weights(part: Any) -> list[torch.Tensor]:
    return list(part.parameters()) if isinstance(part, torch.nn.Module) else []


def _errors(training: ModulatorTraining) -> tuple[float, float]:
    """The errors of v on what was learned from: of the module, and of the base alone."""
    training.held_out = training.examples
    return training.validate()


def test_a_picture_is_a_state_of_pixels_as_it_is(tmp_path: Path) -> None:
    folders.pixels(tmp_path / "models" / "grey", side=128, channels=1)
    folders.pixels(tmp_path / "models" / "colours", side=128)
    for name, channels in (("grey", 1), ("colours", 3)):
        task = Task(name, name, ("sketch",), pairs=2)
        training = ModulatorTraining(task, SMALL, tmp_path / "models", tmp_path)
        (pair, _) = drawn(f"modulator {name}", ("sketch",), 2).pairs
        rows = np.asarray(pair.picture.convert("L" if channels == 1 else "RGB"), np.float32)
        expected = torch.from_numpy(rows / 127.5 - 1).reshape(128, 128, channels).movedim(-1, 0)
        assert torch.equal(training.examples.states[0], expected)
        ink = 1 - torch.from_numpy(np.asarray(pair.maps["sketch"].convert("L"), np.float32)) / 255
        assert torch.allclose(training.examples.maps["sketch"][0, 0].float(), ink, atol=1e-3)


@pytest.mark.parametrize(
    ("base", "why"),
    [
        ({"channels": 2}, "its state of 2 channels is no picture"),
        ({"side": 18}, r"halves its state 3×, and 18×18 places cannot be"),
    ],
)
def test_a_base_that_cannot_be_bent_says_why(tmp_path: Path, base: Any, why: str) -> None:
    folders.pixels(tmp_path / "models" / "odd", **base)
    task = Task("odd", "odd", ("sketch",), pairs=2)
    with pytest.raises(ValueError, match=why):
        ModulatorTraining(task, Settings(), tmp_path / "models", tmp_path)
