"""T2I-Adapters are heard as diffusers' pipeline hears them, and beside a ControlNet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    StableDiffusionAdapterPipeline,
    StableDiffusionXLAdapterPipeline,
    T2IAdapter,
)

from graph.adapters.t2i_adapter import T2IAdapter as Adapter
from graph.interfaces import Heard
from graph.library import Library
from tests.graph.adapters import distilled, making
from tests.graph.adapters.workflows import (
    GUIDANCE,
    SAMPLERS,
    SENTENCE,
    STEPS,
    compiled,
    sampled,
)
from tests.graph.experts import folders
from tests.graph.experts.alone import CPU, expert

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning:diffusers"
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """A checkpoint, and adapters for it, one of which sees grey."""
    models = tmp_path_factory.mktemp("library") / "models"
    folders.stable_diffusion(models / "base")
    making.t2i_adapter(models / "colours")
    making.t2i_adapter(models / "grey", in_channels=1)
    return Library(models, models.parent / "assets")


@pytest.mark.parametrize("solver", SAMPLERS)
@pytest.mark.parametrize("name", ["colours", "grey"])
def test_it_is_heard_as_the_pipeline_hears_it(library: Library, solver: str, name: str) -> None:
    scheduler, changes, sampler = SAMPLERS[solver]
    pipeline: Any = StableDiffusionAdapterPipeline.from_pretrained(
        library.folder / "base", adapter=T2IAdapter.from_pretrained(library.folder / name)
    )
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **changes)
    shape = (1, folders.CHANNELS, folders.SIDE, folders.SIDE)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(5))
    shown = making.picture().convert("L" if name == "grey" else "RGB")
    theirs, unheard = (
        pipeline(
            SENTENCE,
            image=shown,
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            adapter_conditioning_scale=scale,
            latents=noise.clone(),
            output_type="latent",
        ).images
        for scale in (0.8, 0.0)
    )
    told = {"net": {"model": name, "photo": making.picture(), "reliability": 0.8}}
    assert (sampled(library, compiled(library, told, sampler), noise) - theirs).abs().max() <= 1e-4
    assert (theirs - unheard).abs().max() >= 5e-3


@pytest.mark.parametrize("solver", SAMPLERS)
def test_that_of_sdxl_is_heard_in_the_middle_too(tmp_path: Path, solver: str) -> None:
    library = Library(tmp_path / "models", tmp_path / "assets")
    base = folders.stable_diffusion_xl(library.folder / "base")
    making.t2i_adapter_xl(library.folder / "xl", base)
    scheduler, changes, sampler = SAMPLERS[solver]
    pipeline: Any = StableDiffusionXLAdapterPipeline.from_pretrained(
        base, adapter=T2IAdapter.from_pretrained(library.folder / "xl")
    )
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **changes)
    height, width = folders.XL_SIDES
    shown = making.picture().resize((8 * width, 8 * height))
    shape = (1, folders.CHANNELS, height, width)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(5))
    theirs = pipeline(
        SENTENCE,
        image=shown,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        adapter_conditioning_scale=0.8,
        height=8 * height,
        width=8 * width,
        latents=noise.clone(),
        output_type="latent",
    ).images
    told = {"net": {"model": "xl", "photo": shown, "reliability": 0.8}}
    ours = sampled(library, compiled(library, told, sampler), noise)
    assert (ours - theirs).abs().max() <= 1e-4
    assert (sampled(library, compiled(library, {}, sampler), noise) - theirs).abs().max() >= 5e-3


@pytest.mark.parametrize("steps", [1, 4])
def test_a_distilled_expert_hears_it(library: Library, steps: int) -> None:
    base = folders.latent_consistency(library.folder / "lcm")
    pipeline = StableDiffusionAdapterPipeline.from_pretrained(
        base, adapter=T2IAdapter.from_pretrained(library.folder / "colours")
    )
    shape = (1, folders.CHANNELS, folders.SIDE, folders.SIDE)
    start = torch.randn(shape, generator=torch.Generator().manual_seed(5))
    found, unheard = (
        distilled.theirs(
            pipeline, start, steps, image=making.picture(), adapter_conditioning_scale=scale
        )
        for scale in (0.8, 0.0)
    )
    who = expert(base)
    net = Adapter.load(library.companion("colours"), CPU)
    heard = Heard(net, [net.encode(making.picture(), (32, 32))], distilled.loud(0.8))
    ours = distilled.ours(who, who.encode(SENTENCE), start, steps, [heard])
    assert (ours - found).abs().max() <= 1e-4
    assert (found - unheard).abs().max() >= 5e-3


def test_those_of_sdxl_and_of_sd_are_told_apart(library: Library) -> None:
    base = folders.stable_diffusion_xl(library.folder / "large")
    making.t2i_adapter_xl(library.folder / "xl", base)
    for model, name in (("base", "xl"), ("large", "colours")):
        told = {"net": {"model": name, "photo": making.picture()}}
        (error,) = compiled(library, told, model=model).diagnostics
        assert error.code == "M036"
        assert "block_out_channels" in error.message


def test_it_is_heard_beside_a_controlnet(library: Library) -> None:
    making.controlnet(library.folder / "net", library.folder / "base")
    told = {
        "one": {"model": "net", "photo": making.picture()},
        "two": {"model": "colours", "photo": making.picture()},
    }
    both, *alone = (
        sampled(library, compiled(library, chosen))
        for chosen in (told, {"one": told["one"]}, {"two": told["two"]})
    )
    assert min((both - each).abs().max() for each in alone) > 1e-3
    muted = sampled(library, compiled(library, told), one__muted=True)
    assert muted.equal(alone[1])
