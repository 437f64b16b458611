"""Turbo models are Stable Diffusion in one step to four, by the ancestral sampler, unguided."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    EulerAncestralDiscreteScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
)

from graph.levels import NoiseLevel
from graph.samplers.euler_ancestral import EulerAncestral
from graph.schedules.discrete import Discrete
from tests.graph.experts import folders
from tests.graph.experts.alone import expert

FAMILIES: dict[str, tuple[Any, Any, tuple[int, int]]] = {
    "sd": (folders.stable_diffusion, StableDiffusionPipeline, (folders.SIDE, folders.SIDE)),
    "sdxl": (folders.stable_diffusion_xl, StableDiffusionXLPipeline, folders.XL_SIDES),
}
SENTENCE = "a red boat"


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:diffusers")
@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_sentence_is_sampled_as_the_pipeline_does(
    tmp_path: Path, family: str, steps: int
) -> None:
    make, opened, sides = FAMILIES[family]
    folder = make(tmp_path / family)
    pipeline = opened.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = EulerAncestralDiscreteScheduler.from_config(
        pipeline.scheduler.config, timestep_spacing="trailing"
    )
    shape = (1, folders.CHANNELS, *sides)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(5))
    theirs = pipeline(
        SENTENCE,
        num_inference_steps=steps,
        guidance_scale=0.0,
        height=8 * sides[0],
        width=8 * sides[1],
        latents=noise,
        generator=torch.Generator().manual_seed(1),
        output_type="latent",
    ).images
    who, generator = expert(folder), torch.Generator().manual_seed(1)
    asked = [who.encode(SENTENCE)]
    levels = Discrete(spacing="trailing").levels(steps)

    def denoise(x: torch.Tensor, level: NoiseLevel) -> torch.Tensor:
        return who.denoise(x, level, asked)

    def draw() -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    with torch.inference_mode():
        # with this spacing diffusers leaves out the picture's part of the first state's variance
        *_, last = EulerAncestral()(denoise, levels[0].sigma * noise, levels, draw)
    assert (last.x - theirs).abs().max() <= 1e-4
    assert theirs.std() > 0.1
