"""A latent consistency model with adapters, walked by its own sampler from given noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import LCMScheduler
from torch import Tensor

from graph.interfaces import Heard
from graph.levels import NoiseLevel
from graph.samplers.consistency import Consistency
from graph.schedules.discrete import Discrete
from tests.graph.adapters.workflows import SENTENCE

GUIDANCE = 8.5
"""What pipelines tell a latent consistency model, unless they are told another."""


def theirs(pipeline: Any, start: Tensor, steps: int, **more: Any) -> Tensor:
    """What a pipeline of diffusers ends with."""
    pipeline.scheduler = LCMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline(
        SENTENCE,
        num_inference_steps=steps,
        guidance_scale=GUIDANCE,
        latents=start.clone(),
        generator=torch.Generator().manual_seed(1),
        output_type="latent",
        **more,
    ).images


def ours(who: Any, condition: Any, start: Tensor, steps: int, heard: Sequence[Heard]) -> Tensor:
    """What the expert ends with, by the same draws."""
    drawn = torch.Generator().manual_seed(1)

    def end(x: Tensor, level: NoiseLevel) -> Tensor:
        return who.denoise(x, level, [condition], heard)

    def draw() -> Tensor:
        return torch.randn(start.shape, generator=drawn)

    levels = Discrete(spacing="distilled").levels(steps)
    with torch.inference_mode():
        *_, last = Consistency()(end, start, levels, draw)
    return last.x


def loud(weight: float) -> Tensor:
    """A weight for one sample."""
    return torch.full((1, 1, 1, 1), weight)
