"""Panoramas from workflow to picture: everything that bends an expert plays in the windows too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from graph.compile import compile_workflow
from graph.ensemble import assemble
from graph.library import Library
from graph.plan import Plan
from graph.runtime import Runtime
from graph.scores import Modulated
from graph.scores import companions as every
from nodes import catalogue
from tests.graph.classifiers import write_classifier
from tests.graph.documents import Nodes, document
from tests.graph.experts import folders
from tests.graph.test_modulated_runs import CPU, pixels, result, stored, train

SAMPLED = ("sampler.sampling > picture.sampling",)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """A class expert of a small latent space, a modulator of it and a classifier."""
    card = {"condition": "class", "labels": ["sea at night", "sea by day"]}
    folders.dit(tmp_path / "models" / "playground" / "class", card=card)
    write_classifier(tmp_path / "models" / "playground" / "classifier")
    found = Library(tmp_path / "models", tmp_path / "assets")
    train(found, 1)
    return found


def planned(library: Library, nodes: Nodes, *wires: str) -> Plan:
    compiled = compile_workflow(document(nodes, (*wires, *SAMPLED)), catalogue(), library)
    assert compiled.plan is not None, compiled.diagnostics
    return compiled.plan


def companions(library: Library, mask: str, **sampler: Any) -> Plan:
    """A class expert, bent by a mask and led towards a class by its gradient."""
    nodes: Nodes = {
        "scene": ("label", {"name": "sea at night"}),
        "other": ("label", {"name": "sea by day"}),
        "expert": ("class_expert", {}),
        "mask": ("mask", {"picture": mask}),
        "bend": ("modulator", {}),
        "lead": ("guidance", {"method": {"name": "dps"}}),
        "sampler": ("sampler", {"steps": 3, **sampler}),
        "picture": ("picture", {}),
    }
    return planned(
        library,
        nodes,
        "scene.class > expert.class",
        "expert.score > bend.score",
        "mask.mask > bend.mask",
        "bend.score > lead.score",
        "other.class > lead.class",
        "lead.score > picture.score",
    )


def test_experts_modulators_and_guidance_paint_wider_than_they_know(
    library: Library, tmp_path: Path
) -> None:
    red, blue = (stored(library, tmp_path, rgb) for rgb in ((200, 30, 30), (30, 30, 200)))
    narrow = pixels(result(Runtime(library, CPU).run(companions(library, red))))
    wide = result(Runtime(library, CPU).run(companions(library, red, wide=3, count=2)))
    height, width = narrow.shape[1:3]
    assert pixels(wide).shape == (2, height, 3 * width, 3)
    assert wide.meters is not None
    assert min(wide.meters.share[node] for node in ("bend", "lead")) > 0.0
    assert wide.meters.map["expert"].shape[-1] == 3 * wide.meters.map["expert"].shape[-2]
    other = result(Runtime(library, CPU).run(companions(library, blue, wide=3, count=2)))
    assert not np.array_equal(pixels(wide), pixels(other))


def test_each_window_is_told_its_own_part_of_a_map(library: Library, tmp_path: Path) -> None:
    halves = Image.new("RGB", (64, 32), (200, 30, 30))
    halves.paste((30, 30, 200), (32, 0, 64, 32))
    halves.save(tmp_path / "halves.png")
    both = library.assets.put((tmp_path / "halves.png").read_bytes())
    red, blue = (stored(library, tmp_path, rgb) for rgb in ((200, 30, 30), (30, 30, 200)))
    first, middle, last = told(library, both, wide=2)
    (left,), (right,) = told(library, red), told(library, blue)
    assert torch.equal(first, left)
    assert torch.equal(last, right)
    half = middle.shape[-1] // 2
    assert torch.equal(middle[..., :half], left[..., :half])
    assert torch.equal(middle[..., half:], right[..., half:])


def told(library: Library, mask: str, **sampler: Any) -> tuple[torch.Tensor, ...]:
    """What the modulator is told."""
    (track,) = assemble(companions(library, mask, **sampler), Runtime(library, CPU)).tracks
    (bent,) = (each for each in every(track.score) if isinstance(each, Modulated))
    return bent.maps.values


def test_one_canvas_wide_is_as_it_was(library: Library, tmp_path: Path) -> None:
    red = stored(library, tmp_path, (200, 30, 30))
    assert companions(library, red, wide=1).key == companions(library, red).key
    assert companions(library, red, wide=2).key != companions(library, red).key


def refused(library: Library, nodes: Nodes, *wires: str) -> list[str]:
    found = compile_workflow(document(nodes, (*wires, *SAMPLED)), catalogue(), library)
    assert found.plan is None
    return [each.code for each in found.diagnostics]


@pytest.mark.parametrize("rule", ["superdiff_or", "superdiff_and"])
def test_a_rule_that_follows_one_density_is_refused(library: Library, rule: str) -> None:
    nodes: Nodes = {
        "one": ("gaussian_expert", {"shape": [3, 32, 32]}),
        "other": ("gaussian_expert", {"shape": [3, 32, 32], "mean": 1.0}),
        "fuse": ("fuse", {"rule": {"name": rule}}),
        "sampler": ("sampler", {"wide": 2, "method": {"name": "euler_maruyama"}}),
        "picture": ("picture", {}),
    }
    wires = ("one.score > fuse.scores", "other.score > fuse.scores", "fuse.score > picture.score")
    assert refused(library, nodes, *wires) == ["F011"]


@pytest.mark.parametrize("corrector", ["mala", "fkc"])
def test_a_corrector_that_needs_the_density_of_the_whole_is_refused(
    library: Library, corrector: str
) -> None:
    nodes: Nodes = {
        "one": ("gaussian_expert", {"shape": [3, 32, 32]}),
        "sampler": (
            "sampler",
            {
                "wide": 2,
                "count": 16,
                "method": {"name": "euler_maruyama"},
                "corrector": {"name": corrector},
            },
        ),
        "picture": ("picture", {}),
    }
    assert "C007" in refused(library, nodes, "one.score > picture.score")


def test_too_many_pixels_are_counted_as_wide_as_they_are(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graph.compile.MAX_PIXELS", 256 * 2047)
    nodes: Nodes = {
        "one": ("gaussian_expert", {"shape": [3, 256, 256]}),
        "sampler": ("sampler", {"wide": 8}),
        "picture": ("picture", {}),
    }
    wires = ("one.score > picture.score",)
    compiled = compile_workflow(document(nodes, (*wires, *SAMPLED)), catalogue(), library)
    assert [each.code for each in compiled.diagnostics] == ["R009"]
    assert "2048×256" in compiled.diagnostics[0].message
