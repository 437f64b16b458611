"""Bridges between real checkpoints of different spaces, from workflow to picture."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from PIL import Image

from graph.compile import compile_workflow
from graph.controls import Controls
from graph.ensemble import assemble
from graph.library import Library
from graph.plan import Plan
from graph.runtime import Runtime
from nodes import catalogue
from tests.graph.classifiers import write_classifier
from tests.graph.documents import Nodes, document
from tests.graph.experts import folders
from tests.graph.test_modulated_runs import CPU, pixels, result

SCENES = ["sea at night", "sea by day"]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Class experts of 32 and of 16 pixels, by autoencoders of their own, and one of pixels."""
    folder = tmp_path_factory.mktemp("library")
    models, card = folder / "models" / "playground", {"condition": "class", "labels": SCENES}
    folders.dit(models / "class", card=card)
    folders.dit(models / "foreign", card=card)
    torch.manual_seed(5)
    AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(4, 4, 8),
        norm_num_groups=2,
        latent_channels=folders.CHANNELS,
    ).save_pretrained(models / "foreign" / "vae")
    folders.pixels(models / "pixels", side=32)
    write_classifier(models / "classifier", labels=SCENES)
    return Library(folder / "models", folder / "assets")


def plan_of(library: Library, *without: str, more: tuple[str, ...] = (), **changes: Any) -> Plan:
    """A class expert at home and another beyond a bridge; less some wires."""
    nodes: Nodes = {
        "scene": ("label", {"name": SCENES[0]}),
        "other": ("label", {"name": SCENES[1]}),
        "home": ("class_expert", {}),
        "foreign": ("class_expert", {"model": "playground/foreign"}),
        "pixels": ("unconditional_expert", {"model": "playground/pixels"}),
        "bridge": ("bridge", {}),
        "fuse": ("fuse", {}),
        "half": ("map", {"picture": changes.pop("map", "")}),
        "photo": ("photo", {"picture": changes.pop("photo", "")}),
        "guide": ("guidance", {"method": {"name": "freedom"}, "scale": 1.0}),
        **changes.pop("nodes", {}),
        "sampler": ("sampler", {"steps": 3, "count": 2, **changes}),
        "picture": ("picture", {}),
    }
    wires = (
        "scene.class > home.class",
        "other.class > foreign.class",
        "home.score > bridge.anchor",
        "foreign.score > bridge.score",
        "home.score > fuse.scores",
        "bridge.score > fuse.scores",
        "fuse.score > picture.score",
        "sampler.sampling > picture.sampling",
    )
    drawn = (*(wire for wire in wires if wire not in without), *more)
    compiled = compile_workflow(document(nodes, drawn), catalogue(), library)
    assert compiled.plan is not None, compiled.diagnostics
    return compiled.plan


def painted(library: Library, plan: Plan, controls: Controls | None = None) -> np.ndarray:
    return pixels(result(Runtime(library, CPU).run(plan, controls)))


@pytest.fixture(scope="module")
def alone(library: Library) -> np.ndarray:
    return painted(library, plan_of(library, "bridge.score > fuse.scores"))


def test_a_foreign_expert_paints_and_its_own_strip_shows_how_much(
    library: Library, alone: np.ndarray
) -> None:
    assert library.model("playground/foreign").canvas == (16, 16)  # resized on the way
    done = result(Runtime(library, CPU).run(plan_of(library)))
    assert pixels(done).shape == alone.shape == (2, 32, 32, 3)
    assert not np.array_equal(pixels(done), alone)
    assert done.meters is not None
    assert set(done.meters.share) == {"home", "foreign"}
    assert min(done.meters.share.values()) > 0.05


def test_a_muted_or_silent_one_leaves_every_bit(library: Library, alone: np.ndarray) -> None:
    plan = plan_of(library)
    for name, value in (("foreign.muted", True), ("foreign.reliability", 0.0)):
        controls = Controls(plan.controls)
        controls.set(name, value)
        assert np.array_equal(painted(library, plan, controls), alone)


def test_a_sample_does_not_depend_on_its_batch(library: Library) -> None:
    many, one = plan_of(library, count=2), plan_of(library, count=1)
    assert np.abs(painted(library, many)[:1].astype(int) - painted(library, one)).max() <= 1


def test_an_expert_of_pixels_that_knows_no_condition_is_held_against_the_round_trip(
    library: Library, alone: np.ndarray
) -> None:
    plan = plan_of(library, "foreign.score > bridge.score", more=("pixels.score > bridge.score",))
    assert not np.array_equal(painted(library, plan), alone)


def test_home_may_be_pixels(library: Library) -> None:
    without = ("home.score > bridge.anchor", "home.score > fuse.scores")
    plan = plan_of(library, *without, more=("pixels.score > bridge.anchor",))
    assert painted(library, plan).shape == (2, 32, 32, 3)


@pytest.mark.parametrize("side", [32, 16])
def test_a_formula_paints_pictures_as_large_as_its_states(
    library: Library, alone: np.ndarray, side: int
) -> None:
    nodes: Nodes = {"formula": ("gaussian_expert", {"shape": [3, side, side], "mean": 0.8})}
    wires = ("formula.score > bridge.score",)
    beyond = plan_of(library, "foreign.score > bridge.score", more=wires, nodes=nodes)
    assert not np.array_equal(painted(library, beyond), alone)
    ends = ("home.score > bridge.anchor", "home.score > fuse.scores")
    home = plan_of(library, *ends, more=("formula.score > bridge.anchor",), nodes=nodes)
    assert painted(library, home).shape == (2, side, side, 3)


def test_a_map_of_the_foreign_expert_lies_over_the_canvas_at_home(
    library: Library, alone: np.ndarray
) -> None:
    file = io.BytesIO()
    Image.new("L", (2, 2)).save(file, "PNG")
    wires = ("pixels.score > bridge.score", "half.reliability > pixels.reliability")
    black = library.assets.put(file.getvalue())
    plan = plan_of(library, "foreign.score > bridge.score", more=wires, map=black)
    assert np.array_equal(painted(library, plan), alone)


def test_a_gradient_finds_its_way_over_a_bridge(library: Library) -> None:
    guided = (
        "fuse.score > guide.score",
        "scene.class > guide.class",
        "guide.score > picture.score",
    )
    plain = painted(library, plan_of(library))
    plan = plan_of(library, "fuse.score > picture.score", more=guided)
    assert not np.array_equal(painted(library, plan), plain)


def test_windows_of_a_panorama_cross_one_by_one(library: Library) -> None:
    wide = painted(library, plan_of(library, wide=2))
    assert wide.shape == (2, 32, 64, 3)
    assert not np.array_equal(wide, painted(library, plan_of(library, wide=2, seed=9)))


def test_bridged_alone_an_expert_needs_no_fusion(library: Library) -> None:
    plan = plan_of(library, "fuse.score > picture.score", more=("bridge.score > picture.score",))
    assert [each.op for each in plan.operations if each.op == "fuse"] == ["fuse"]
    assert painted(library, plan).shape == (2, 32, 32, 3)


def test_the_autoencoder_at_home_encodes_what_a_run_starts_from(library: Library) -> None:
    file, shown = io.BytesIO(), Image.effect_noise((32, 32), 60).convert("RGB")
    shown.save(file, "PNG")
    runtime, name = Runtime(library, CPU), library.assets.put(file.getvalue())
    wired = {"more": ("photo.photo > sampler.start",), "photo": name}
    (track,) = assemble(plan_of(library, strength=0.5, **wired), runtime).tracks
    codec = runtime.expert("playground/class")[1].codec
    assert codec is not None
    assert track.start is not None
    assert torch.equal(track.start, codec.encode([shown]))
    assert not np.array_equal(
        painted(library, plan_of(library, strength=0.5, **wired)),
        painted(library, plan_of(library, strength=0.9, **wired)),
    )


@pytest.mark.parametrize("folder", ["class", "foreign"])
def test_the_codec_encodes_colours_as_it_does_pictures(library: Library, folder: str) -> None:
    codec = Runtime(library, CPU).expert(f"playground/{folder}")[1].codec
    assert codec is not None
    side = folders.SIDE * codec.factor
    rows = torch.randint(0, 256, (side, side, 3), dtype=torch.uint8)
    colours = rows.movedim(-1, 0)[None].float() / 127.5 - 1.0
    with torch.inference_mode():
        told = codec.encode([Image.fromarray(rows.numpy())])
        assert codec.latents(colours).allclose(told, atol=1e-5)
