"""A run that starts from a picture: its levels, its state, what it keeps, and where it cannot."""

from __future__ import annotations

import io
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from graph import samplers
from graph.compile import Compiled, compile_workflow
from graph.ensemble import assemble
from graph.events import Progress, Result
from graph.interfaces import Sampler
from graph.library import Library
from graph.player import Player
from graph.registry import choices
from graph.runtime import Runtime
from graph.schedules.discrete import Discrete
from graph.schedules.flow import Flow
from graph.schedules.karras import Karras
from graph.scores import Track
from nodes import catalogue
from tests.graph.documents import Nodes, document
from tests.graph.experts.alone import CPU
from tests.graph.recordings import ramp

SIDE = 16
WIRES = (
    "expert.score > picture.score",
    "sampler.sampling > picture.sampling",
    "photo.photo > sampler.start",
)
PLANE = {"heaps": [{"x": 1.0}]}


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "models", tmp_path / "assets")


def picture(width: int = SIDE, height: int = SIDE, seed: int = 1) -> Image.Image:
    """Colours at random."""
    rows = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(rows)


def stored(library: Library, shown: Image.Image) -> str:
    file = io.BytesIO()
    shown.save(file, "PNG")
    return library.assets.put(file.getvalue())


def colours(shown: Image.Image) -> Tensor:
    """A picture as a clean state of pixels."""
    return torch.from_numpy(np.array(shown)).movedim(-1, 0)[None] / 127.5 - 1.0


def compiled(
    library: Library,
    shown: Image.Image,
    expert: tuple[str, dict[str, Any]] = ("gaussian_expert", {"variance": 1.0}),
    wires: tuple[str, ...] = WIRES,
    **sampler: Any,
) -> Compiled:
    """One expert, by default of standard normal pixels, sampled from a picture."""
    nodes: Nodes = {
        "expert": expert,
        "photo": ("photo", {"picture": stored(library, shown)}),
        "sampler": ("sampler", {"steps": 10, **sampler}),
        "picture": ("picture", {}),
    }
    return compile_workflow(document(nodes, wires), catalogue(), library)


def track_of(library: Library, found: Compiled) -> Track:
    assert found.plan is not None, found.diagnostics
    (track,) = assemble(found.plan, Runtime(library, CPU)).tracks
    return track


def played(library: Library, found: Compiled) -> Tensor:
    """The state that it ends with."""
    assert found.plan is not None, found.diagnostics
    player = Player(track_of(library, found))
    values = {each.name: each.default for each in found.plan.controls}
    with torch.inference_mode():
        for number in range(len(player.track.levels) - 1):
            player.advance(number, values)
    return player.x


@pytest.mark.parametrize(
    ("schedule", "steps", "strength", "taken"),
    [
        (Karras(), 24, 0.5, 12),
        (Karras(), 30, 0.75, 22),  # rounded down, as in Stable Diffusion
        (Flow(), 30, 0.75, 23),  # rounded up, as in SD 3 and Flux
        (Discrete(spacing="leading"), 30, 0.75, 22),
        (Karras(), 10, 1.0, 10),
        (Karras(), 10, 0.01, 1),
        (Flow(), 10, 0.0, 1),
    ],
)
def test_the_last_steps_are_taken_and_one_at_least(
    schedule: Any, steps: int, strength: float, taken: int
) -> None:
    levels = schedule.from_picture(steps, strength)
    assert levels == schedule.levels(steps)[-1 - taken :]


def test_few_jumps_are_laid_into_the_times_that_are_left() -> None:
    schedule = Discrete(spacing="distilled")
    assert schedule.times(4) == (999, 759, 499, 259)
    assert schedule.times(4, 0.5) == (499, 379, 259, 139)


@pytest.mark.parametrize("strength", [0.0, 0.3, 0.8, 1.0])
def test_it_begins_as_the_picture_under_noise(library: Library, strength: float) -> None:
    """Of a standard normal D = alpha·x, and a step of DDIM is x' = cos(theta − theta')·x."""
    shown = picture()
    found = compiled(library, shown, strength=strength, method={"name": "ddim"})
    track = track_of(library, found)
    level = track.levels[0]
    player = Player(track)
    expected = level.alpha * colours(shown) + level.sigma * player._draws("noise")()
    assert torch.allclose(player.x, expected, atol=1e-6)
    turns = pairwise(math.atan2(each.sigma, each.alpha) for each in track.levels)
    kept = math.prod(math.cos(here - there) for here, there in turns)
    assert torch.allclose(played(library, found), kept * expected, atol=1e-5)


def test_little_strength_keeps_the_picture_and_much_does_not(library: Library) -> None:
    shown = picture()
    away = [
        float((played(library, compiled(library, shown, strength=strength)) - colours(shown)).std())
        for strength in (0.1, 0.4, 0.7, 1.0)
    ]
    assert away == sorted(away)
    assert away[0] < 0.05
    assert away[-1] > 1.0


def test_of_pure_noise_nothing_of_the_picture_is_left(library: Library) -> None:
    told: dict[str, Any] = {"strength": 1.0, "schedule": {"name": "flow"}}
    ends = [
        played(library, compiled(library, picture(), wires=wires, **told))
        for wires in (WIRES, WIRES[:-1])
    ]
    assert torch.equal(*ends)


def test_every_sample_starts_from_the_one_picture_whatever_its_batch(library: Library) -> None:
    one, four = (
        played(library, compiled(library, picture(), strength=0.3, count=count)) for count in (1, 4)
    )
    assert torch.equal(one, four[:1])
    assert (four - colours(picture())).std() < 0.1
    assert not torch.equal(four[0], four[1])


def test_a_plan_says_what_it_starts_from_only_where_it_does(library: Library) -> None:
    keys = [
        found.plan.key
        for found in (
            compiled(library, picture(), wires=WIRES[:-1], strength=0.3),
            compiled(library, picture(), wires=WIRES[:-1], strength=0.6),
            compiled(library, picture(), strength=0.3),
            compiled(library, picture(), strength=0.6),
            compiled(library, picture(seed=2), strength=0.6),
        )
        if found.plan
    ]
    assert keys[0] == keys[1]
    assert len(set(keys)) == len(keys) - 1 == 4
    unwired, wired = (
        str(compiled(library, picture(), wires=wires).plan) for wires in (WIRES[:-1], WIRES)
    )
    assert "start" not in unwired
    name = stored(library, picture())[:8]
    assert f"steps=10, start=sha256:{name}…, strength=0.6" in wired


def test_a_picture_of_another_form_is_cropped_and_that_is_said(library: Library) -> None:
    wide = picture(40, 20)
    found = compiled(library, wide, strength=0.3)
    assert "".join(map(str, found.diagnostics)) == (
        "A010 The picture that 'Picture' starts from is fitted: its 40×20 pixels are cropped about "
        "its centre and resized to 16×16 unless the sampler's wide is 2."
    )
    start = track_of(library, found).start
    assert start is not None
    middle = wide.resize((SIDE, SIDE), Image.Resampling.LANCZOS, (10, 0, 30, 20))
    assert torch.allclose(start, colours(middle), atol=1e-6)
    assert not compiled(library, picture()).diagnostics


def test_a_panorama_starts_from_all_of_a_wide_picture(library: Library) -> None:
    wide = picture(2 * SIDE, SIDE)
    found = compiled(library, wide, strength=0.1, wide=2)
    assert not found.diagnostics
    end = played(library, found)
    assert end.shape[-1] == 2 * SIDE
    assert (end - colours(wide)).std() < 0.05


@pytest.mark.parametrize(
    ("expert", "space"),
    [
        (("plane_expert", PLANE), "plane (2)"),
        (("gaussian_expert", {"shape": [4, 8, 8]}), "analytic (4×8×8)"),
    ],
    ids=["plane", "formula"],
)
def test_what_is_no_picture_starts_from_none(
    library: Library, expert: tuple[str, dict[str, Any]], space: str
) -> None:
    found = compiled(library, picture(), expert)
    assert found.plan is None
    assert "".join(map(str, found.diagnostics)) == (
        "S022 'Picture' is to start from a picture, and a state of the space "
        f"{space} is none; expected 3 channels or an autoencoder. "
        "Unwire the sampler's start, or sample experts of pictures."
    )


def test_tracks_of_different_strengths_play_together(library: Library) -> None:
    """Each as it would alone; progress counts the steps of the longest."""
    photo = stored(library, picture())
    samplers = {
        name: ("sampler", {"steps": 10, "strength": strength})
        for name, strength in (("faint", 0.3), ("strong", 0.8))
    }
    alike = {f"picture-{name}": ("picture", {}) for name in samplers}
    nodes: Nodes = {
        "expert": ("gaussian_expert", {"variance": 0.5}),
        "photo": ("photo", {"picture": photo}),
        **samplers,
        **alike,
    }
    wires = tuple(
        wire
        for name in samplers
        for wire in (
            f"expert.score > picture-{name}.score",
            f"{name}.sampling > picture-{name}.sampling",
            f"photo.photo > {name}.start",
        )
    )
    found = compile_workflow(document(nodes, wires), catalogue(), library)
    assert found.plan is not None, found.diagnostics
    events = list(Runtime(library, CPU).run(found.plan))
    steps = [(each.track, each.step, each.steps) for each in events if isinstance(each, Progress)]
    assert [each for each in steps if each[0] == "picture-faint"] == [
        ("picture-faint", step, 8) for step in range(1, 4)
    ]
    assert [step for name, step, _ in steps if name == "picture-strong"] == list(range(1, 9))
    results = {each.track: each.pictures[0] for each in events if isinstance(each, Result)}
    for name, strength in (("faint", 0.3), ("strong", 0.8)):
        alone = compiled(
            library, picture(), ("gaussian_expert", {"variance": 0.5}), strength=strength
        )
        track = track_of(library, alone)
        assert len(track.levels) - 1 == round(10 * strength)
        if name == "faint":  # the noise of the first track
            (only,) = (
                each for each in Runtime(library, CPU).run(alone.plan) if isinstance(each, Result)
            )
            assert results["picture-faint"].tobytes() == only.pictures[0].tobytes()


def test_a_sound_is_laid_over_the_steps_that_are_taken(library: Library) -> None:
    """Curves stay where they are drawn, by noise; a sound begins with the first step taken."""
    nodes: Nodes = {
        "sound": ("audio", {"file": library.assets.put(ramp())}),
        "follow": ("loudness", {}),
        "expert": ("gaussian_expert", {}),
        "photo": ("photo", {"picture": stored(library, picture())}),
        "sampler": ("sampler", {"steps": 10, "strength": 0.4}),
        "picture": ("picture", {}),
    }
    wires = ("sound.audio > follow.audio", "follow.reliability > expert.reliability", *WIRES)
    found = compile_workflow(document(nodes, wires), catalogue(), library)
    levels = track_of(library, found).levels
    assert found.plan is not None
    (heard,) = (each for each in found.plan.controls if each.name == "follow.curve")
    assert [noise for noise, _ in heard.default] == [level.noise for level in levels[:-1]]  # type: ignore[union-attr]
    assert len(levels) == 4 + 1


REGION = "place.region > sampler.where"
HALF: dict[str, Any] = {"method": {"name": "dpmpp_2m"}, "strength": 0.8}


def within(library: Library, *wires: str, **sampler: Any) -> Compiled:
    """A run of which only the right half may change."""
    half = Image.new("L", (SIDE, SIDE))
    half.paste(255, (SIDE // 2, 0, SIDE, SIDE))
    nodes: Nodes = {
        "expert": ("gaussian_expert", {"variance": 0.5}),
        "photo": ("photo", {"picture": stored(library, picture())}),
        "place": ("region", {"picture": stored(library, half)}),
        "sampler": ("sampler", {"steps": 10, **sampler}),
        "picture": ("picture", {}),
    }
    return compile_workflow(document(nodes, wires), catalogue(), library)


@pytest.mark.parametrize("name", sorted({*choices(samplers, Sampler)}))
def test_every_sampler_keeps_what_lies_outside_the_region(library: Library, name: str) -> None:
    told = {"method": {"name": name}, "strength": 0.8}
    end = played(library, within(library, *WIRES, REGION, **told))
    away = (end - colours(picture())).abs().amax((0, 1))
    assert away[:, : SIDE // 2].max() <= 1e-4
    assert away[:, SIDE // 2 :].mean() >= 0.1


def test_inside_the_region_a_formula_of_single_pixels_paints_as_everywhere(
    library: Library,
) -> None:
    parts = [
        played(library, within(library, *wires, **HALF)) for wires in ((*WIRES, REGION), WIRES)
    ]
    assert torch.equal(parts[0][..., SIDE // 2 :], parts[1][..., SIDE // 2 :])


def test_what_stirs_and_windows_keep_it_too(library: Library) -> None:
    for told in ({"corrector": {"name": "ula", "rounds": 1}}, {"wide": 2}):
        found = within(library, *WIRES, REGION, **HALF, **told)
        track = track_of(library, found)
        end = played(library, found)
        assert track.start is not None
        assert track.where is not None
        away = torch.where(track.where, 0.0, end - track.start).abs().max()
        assert away <= 1e-4
        assert track.where.float().mean() == 0.5


def test_a_region_without_a_picture_is_refused(library: Library) -> None:
    found = within(library, *WIRES[:2], REGION)
    assert "".join(map(str, found.diagnostics)) == (
        "C010 'Sampler' is told where it may paint, and has no picture for the rest. "
        "Wire the picture to its start, or unwire where."
    )
