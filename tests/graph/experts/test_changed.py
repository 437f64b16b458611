"""Experts that change a photograph sample as their pipelines do, from workflow to latents."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    EulerDiscreteScheduler,
    StableDiffusionInpaintPipeline,
    StableDiffusionInstructPix2PixPipeline,
)
from PIL import Image

from graph.compile import compile_workflow
from graph.ensemble import assemble
from graph.errors import ChoraleError
from graph.events import Result
from graph.library import Library
from graph.player import Player
from graph.runtime import Runtime
from nodes import catalogue
from tests.graph.documents import Nodes, changed, document
from tests.graph.experts import folders
from tests.graph.experts.alone import CPU

SENTENCE, STEPS, SIDE = "a red boat", 8, 8 * folders.SIDE
OTHER = (56, 40)
"""Another width and height."""
SAMPLERS: dict[str, tuple[Any, dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "ddim": (
        DDIMScheduler,
        {"timestep_spacing": "trailing", "set_alpha_to_one": True},
        {"name": "ddim"},
        {"name": "discrete", "spacing": "trailing"},
    ),
    "euler": (
        EulerDiscreteScheduler,
        {},
        {"name": "euler"},
        {"name": "discrete", "spacing": "leading", "steps_offset": 1},
    ),
}
SHOWN: Mapping[str, tuple[str, ...]] = {
    "edit_expert": ("photo",),
    "inpaint_expert": ("photo", "region"),
}


def photo(seed: int = 3, size: tuple[int, int] = (SIDE, SIDE)) -> Image.Image:
    """Smooth colours, so that fitting and encoding lose little."""
    small = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def painted(size: tuple[int, int] = (SIDE, SIDE)) -> Image.Image:
    """A region that cuts through latent places, with greys on both sides of the middle."""
    grey = np.full(size[::-1], 127, dtype=np.uint8)
    grey[5:21, 11:30] = 128
    grey[8:12, 16:20] = 255
    return Image.fromarray(grey)


def noise(size: tuple[int, int] = (SIDE, SIDE)) -> torch.Tensor:
    shape = (1, folders.CHANNELS, size[1] // 8, size[0] // 8)
    return torch.randn(shape, generator=torch.Generator().manual_seed(5))


def stored(library: Library, picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "png")
    return library.assets.put(file.getvalue())


class Stage:
    """One checkpoint with a photograph and a region, wired alone."""

    def __init__(self, tmp_path: Path, kind: str, **changes: Any) -> None:
        make = folders.instruct_pix2pix if kind == "edit_expert" else folders.inpaint
        self.folder = make(tmp_path / "models" / "own", **changes)
        self.library = Library(tmp_path / "models", tmp_path / "assets")
        self.nodes: Nodes = {
            "text": ("text", {"text": SENTENCE}),
            "photo": ("photo", {"picture": stored(self.library, photo())}),
            "region": ("region", {"picture": stored(self.library, painted())}),
            "expert": (kind, {"model": "own"}),
            "sampler": ("sampler", {"steps": STEPS}),
            "picture": ("picture", {}),
        }
        self.wires = [f"{each}.{each} > expert.{each}" for each in ("text", *SHOWN[kind])]
        self.wires += ["expert.score > picture.score", "sampler.sampling > picture.sampling"]

    def compiled(self, **settings: Any) -> Any:
        nodes = changed(self.nodes, **settings)
        used = {wire.split(".")[0] for wire in self.wires} | {"picture"}
        kept = {name: node for name, node in nodes.items() if name in used}
        return compile_workflow(document(kept, tuple(self.wires)), catalogue(), self.library)

    def sampled(self, size: tuple[int, int] = (SIDE, SIDE), **settings: Any) -> torch.Tensor:
        """The latents that the workflow ends in, from the same noise as the pipeline's."""
        found = self.compiled(**settings)
        assert found.diagnostics == ()
        (track,) = assemble(found.plan, Runtime(self.library, CPU)).tracks
        player = Player(track)
        player.x = noise(size)
        values = {each.name: each.default for each in found.plan.controls}
        with torch.inference_mode():
            for number in range(len(track.levels) - 1):
                player.advance(number, values)
        return player.x


def sampler(name: str) -> dict[str, Any]:
    _, _, method, schedule = SAMPLERS[name]
    return {"method": method, "schedule": schedule}


def pipeline(family: Any, folder: Path, name: str) -> Any:
    scheduler, changes, _, _ = SAMPLERS[name]
    made = family.from_pretrained(folder)
    made.set_progress_bar_config(disable=True)
    made.scheduler = scheduler.from_config(made.scheduler.config, **changes)
    return made


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:diffusers")
@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("faders", [(3.0, 1.5), (2.0, 1.0)], ids=["both", "text"])
def test_a_photograph_is_edited_as_the_pipeline_does(
    tmp_path: Path, name: str, faders: tuple[float, float]
) -> None:
    stage = Stage(tmp_path, "edit_expert")
    theirs = pipeline(StableDiffusionInstructPix2PixPipeline, stage.folder, name)
    asked = {"num_inference_steps": STEPS, "output_type": "latent"}
    guided, other = (
        theirs(
            SENTENCE,
            image=photo(),
            guidance_scale=faders[0],
            image_guidance_scale=more,
            latents=noise(),
            **asked,
        ).images
        for more in (faders[1], 4.0)
    )
    set_so = {"guidance": faders[0], "picture_guidance": faders[1]}
    ours = stage.sampled(expert=set_so, sampler=sampler(name))
    assert (ours - guided).abs().max() <= 1e-4
    assert (guided - other).abs().max() >= 5e-3


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:diffusers")
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_region_is_painted_as_the_pipeline_does(tmp_path: Path, name: str) -> None:
    stage = Stage(tmp_path, "inpaint_expert")
    theirs = pipeline(StableDiffusionInpaintPipeline, stage.folder, name)
    guided, other = (
        theirs(
            SENTENCE,
            image=photo(),
            mask_image=region,
            guidance_scale=3.0,
            height=SIDE,
            width=SIDE,
            num_inference_steps=STEPS,
            latents=noise(),
            output_type="latent",
            generator=torch.Generator().manual_seed(1),
        ).images
        for region in (painted(), Image.new("L", (SIDE, SIDE), 255))
    )
    ours = stage.sampled(expert={"guidance": 3.0}, sampler=sampler(name))
    assert (ours - guided).abs().max() <= 1e-4
    assert (guided - other).abs().max() >= 5e-3


def resized(stage: Stage, **sampler: Any) -> dict[str, Any]:
    """The settings of a workflow whose pictures, and what is painted, have another size."""
    return {
        "photo": {"picture": stored(stage.library, photo(3, OTHER))},
        "region": {"picture": stored(stage.library, painted(OTHER))},
        "sampler": {"width": OTHER[0], "height": OTHER[1], **sampler},
    }


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:diffusers")
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_photograph_of_another_size_is_edited_as_the_pipeline_does(
    tmp_path: Path, name: str
) -> None:
    stage = Stage(tmp_path, "edit_expert")
    theirs = pipeline(StableDiffusionInstructPix2PixPipeline, stage.folder, name)
    guided, other = (
        theirs(
            SENTENCE,
            image=image,
            guidance_scale=3.0,
            image_guidance_scale=1.5,
            latents=noise(OTHER),
            num_inference_steps=STEPS,
            output_type="latent",
        ).images
        for image in (photo(3, OTHER), photo(4, OTHER))
    )
    settings = resized(stage, **sampler(name))
    ours = stage.sampled(OTHER, expert={"guidance": 3.0, "picture_guidance": 1.5}, **settings)
    assert (ours - guided).abs().max() <= 1e-4
    assert (guided - other).abs().max() >= 5e-3


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:diffusers")
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_region_of_another_size_is_painted_as_the_pipeline_does(
    tmp_path: Path, name: str
) -> None:
    stage = Stage(tmp_path, "inpaint_expert")
    theirs = pipeline(StableDiffusionInpaintPipeline, stage.folder, name)
    guided, other = (
        theirs(
            SENTENCE,
            image=photo(3, OTHER),
            mask_image=region,
            guidance_scale=3.0,
            height=OTHER[1],
            width=OTHER[0],
            num_inference_steps=STEPS,
            latents=noise(OTHER),
            output_type="latent",
            generator=torch.Generator().manual_seed(1),
        ).images
        for region in (painted(OTHER), Image.new("L", OTHER, 255))
    )
    settings = resized(stage, **sampler(name))
    ours = stage.sampled(OTHER, expert={"guidance": 3.0}, **settings)
    assert (ours - guided).abs().max() <= 1e-4
    assert (guided - other).abs().max() >= 5e-3


@pytest.mark.parametrize("kind", SHOWN)
def test_what_was_encoded_for_one_size_is_not_shown_at_another(tmp_path: Path, kind: str) -> None:
    stage = Stage(tmp_path, kind)
    runtime = Runtime(stage.library, CPU)
    sizes: list[tuple[int, int]] = []
    for settings in ({}, {"sampler": {"width": OTHER[0], "height": OTHER[1]}}, {}):
        last = list(runtime.run(stage.compiled(**settings).plan))[-1]
        assert isinstance(last, Result), last
        sizes.append(last.pictures[0].size)
    assert sizes == [(SIDE, SIDE), OTHER, (SIDE, SIDE)]


@pytest.mark.parametrize("kind", SHOWN)
def test_a_photograph_becomes_a_picture_and_one_meter(tmp_path: Path, kind: str) -> None:
    stage = Stage(tmp_path, kind)
    found = stage.compiled(sampler=sampler("euler"))
    last = list(Runtime(stage.library, CPU).run(found.plan))[-1]
    assert isinstance(last, Result), last
    assert last.pictures[0].size == (SIDE, SIDE)
    assert last.meters is not None
    assert last.meters.share == {"expert": pytest.approx(1.0)}


@pytest.mark.parametrize("kind", SHOWN)
def test_a_panorama_gives_every_window_its_part(tmp_path: Path, kind: str) -> None:
    stage = Stage(tmp_path, kind)
    wide = photo().resize((2 * SIDE, SIDE))
    wide.paste(photo(8), (SIDE, 0))
    picture = {"picture": stored(stage.library, wide)}
    found = stage.compiled(photo=picture, sampler={"wide": 2})
    (track,) = assemble(found.plan, Runtime(stage.library, CPU)).tracks
    score = track.score
    while not hasattr(score, "condition"):
        score = score.inputs[0]
    for told in (score.condition.values, score.null.values):
        shown: list[Any] = [getattr(each, "picture", getattr(each, "beside", 0)) for each in told]
        first, _, last = shown
        assert (first - last).abs().max() > 0.1
    last = list(Runtime(stage.library, CPU).run(found.plan))[-1]
    assert isinstance(last, Result), last
    assert last.pictures[0].size == (2 * SIDE, SIDE)


def test_without_a_sentence_the_photograph_alone_is_followed(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "edit_expert")
    followed = stage.sampled(expert={"guidance": 0.0})
    stage.wires.remove("text.text > expert.text")
    assert torch.equal(stage.sampled(), stage.sampled(expert={"guidance": 1.0}))
    assert torch.allclose(stage.sampled(), followed, atol=1e-4)


def test_an_edit_asks_its_network_once_for_three_answers(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "edit_expert")
    runtime = Runtime(stage.library, CPU)
    _, who = runtime.expert("own")
    asked: list[int] = []
    plain = who.denoise

    def counted(x: torch.Tensor, *rest: Any) -> torch.Tensor:
        asked.append(len(x))
        return plain(x, *rest)

    who.denoise = counted  # type: ignore[method-assign]
    list(runtime.run(stage.compiled(sampler=sampler("euler")).plan))
    assert asked == [3] * STEPS


def test_mute_and_solo_are_of_the_whole_edit(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "edit_expert")
    plan = stage.compiled().plan
    sentence, picture = (each for each in plan.operations if each.op == "denoise")
    for setting in ("weight", "muted", "solo", "range"):
        assert sentence[setting] == picture[setting]
    names = {each.name for each in plan.controls}
    assert {"expert.guidance", "expert.picture_guidance", "expert.muted"} <= names
    assert {sentence.node, picture.node} == {"expert"}


def test_an_edit_is_fused_as_the_one_estimate_that_it_is(tmp_path: Path) -> None:
    """F + w·(D − N) of another expert, where both nulls are of one network: F is the edit."""
    stage = Stage(tmp_path, "edit_expert")
    alone = stage.sampled(sampler=sampler("ddim"))
    stage.nodes["fuse"] = ("fuse", {})
    stage.wires.remove("expert.score > picture.score")
    stage.wires += ["expert.score > fuse.scores", "fuse.score > picture.score"]
    fused = stage.sampled(sampler=sampler("ddim"))
    assert torch.allclose(fused, alone, atol=1e-3)
    plan = stage.compiled(expert={"share": 0.25}).plan
    (track,) = assemble(plan, Runtime(stage.library, CPU)).tracks
    assert [each.share for each in track.score.inputs] == [0.25]


@pytest.mark.parametrize("faders", [(1.0, 1.0), (4.0, 2.0)], ids=["plain", "guided"])
def test_a_form_sees_the_guidance_of_an_edit(tmp_path: Path, faders: tuple[float, float]) -> None:
    """Beyond its interval guidance is one, which for both faders is the expert as trained."""
    stage = Stage(tmp_path, "edit_expert")
    set_so = {"guidance": faders[0], "picture_guidance": faders[1]}
    alone = stage.sampled(expert=set_so)
    stage.nodes["form"] = ("guidance_form", {"form": {"name": "interval", "from_noise": 0.5}})
    stage.wires.remove("expert.score > picture.score")
    stage.wires += ["expert.score > form.score", "form.score > picture.score"]
    moved = (stage.sampled(expert=set_so) - alone).abs().max()
    assert moved <= 1e-4 if faders == (1.0, 1.0) else moved >= 1e-2


def test_a_corrector_takes_an_edit_apart(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "edit_expert")
    found = stage.compiled(sampler={"corrector": {"name": "mala"}})
    assert [each.code for each in found.diagnostics] == ["C003"]
    crowd = {"corrector": {"name": "fkc"}, "method": {"name": "euler_maruyama"}, "count": 16}
    found = stage.compiled(sampler={**crowd, "steps": 4})
    assert found.diagnostics == ()
    last = list(Runtime(stage.library, CPU).run(found.plan))[-1]
    assert isinstance(last, Result), last


def test_an_edit_has_no_weak_twin(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "edit_expert")
    stage.nodes |= {"twin": ("weak_twin", {}), "fuse": ("fuse", {})}
    stage.wires.remove("expert.score > picture.score")
    stage.wires += ["expert.score > twin.score", "expert.score > fuse.scores"]
    stage.wires += ["twin.score > fuse.background", "fuse.score > picture.score"]
    found = stage.compiled()
    assert found.plan is None
    assert [each.code for each in found.diagnostics] == ["M026"]


def test_a_region_in_which_nothing_lies_is_told(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "inpaint_expert")
    black = stored(stage.library, Image.new("L", (SIDE, SIDE)))
    (found,) = stage.compiled(region={"picture": black}).diagnostics
    assert str(found).startswith("M044 'Region' is black throughout")
    assert (found.severity, found.port) == ("warning", "region")


def test_pictures_of_another_size_are_fitted_and_told(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "inpaint_expert")
    large = stored(stage.library, photo().resize((2 * SIDE, 2 * SIDE)))
    found = stage.compiled(photo={"picture": large}, region={"picture": large}).diagnostics
    assert [each.code for each in found] == ["A010", "A010"]


@pytest.mark.parametrize(
    ("kind", "channels", "expected"),
    [("inpaint_expert", 4, 9), ("edit_expert", 4, 8), ("edit_expert", 9, 8)],
)
def test_a_unet_that_is_shown_something_else_is_refused(
    tmp_path: Path, kind: str, channels: int, expected: int
) -> None:
    stage = Stage(tmp_path, kind)
    file = stage.folder / "unet" / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "in_channels": channels}))
    said = rf"M023 The UNet of 'own' .*expected in_channels {expected}, got {channels}"
    with pytest.raises(ChoraleError, match=said):
        stage.library.model("own")


def test_the_folders_alone_say_what_they_are_asked_with(tmp_path: Path) -> None:
    folders.instruct_pix2pix(tmp_path / "edit")
    folders.inpaint(tmp_path / "inpaint")
    library = Library(tmp_path, tmp_path / "assets")
    asked = {each.name: each.card.condition for each in library.models()}
    assert asked == {"edit": "text+photo", "inpaint": "text+photo+region"}
