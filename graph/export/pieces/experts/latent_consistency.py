"""Latent consistency models: a sentence read by CLIP, and the picture answered in a few steps."""

from __future__ import annotations

import math
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel

from graph.export.pieces.clip import clip_of
from graph.export.pieces.conventions import Level
from graph.export.pieces.loading import every, filled, load, read
from graph.export.pieces.settings import MODELS

PIPELINES = ("LatentConsistencyModelPipeline",)
PARTS = {"unet": "unet", "text_encoder": "clip.encoder"}


class LatentConsistency:
    """A latent consistency model (arXiv 2310.04378): f = c_skip·x + c_out·D.

    c_skip = d²/(t² + d²) and c_out = t/√(t² + d²), d = 0.5, t the network's time, stretched. The
    network is told that it took a guidance of 8.5, as its pipeline tells it.
    """

    def __init__(self, name: str, denoised: Any) -> None:
        self.clip = clip_of(CLIPTextModel, MODELS / name)
        self.unet = load(UNet2DConditionModel, MODELS / name / "unet")
        config = read(MODELS / name / "scheduler" / "scheduler_config.json")
        self.stretch = config.get("timestep_scaling", 10.0)
        self.denoised = denoised

    def encode(self, sentence: str | None) -> Tensor:
        """A sentence as words [tokens, width]; no condition is the empty one."""
        return self.clip(sentence or "").last_hidden_state[0]

    def __call__(self, x: Tensor, level: Level, prompts: list[Tensor]) -> tuple[Tensor, ...]:
        """f(x) under each of the prompts, in one forward pass."""
        words = torch.stack(every(prompts, len(x)))
        told = sinusoids(8.5 - 1, self.unet.config.time_cond_proj_dim).to(words)
        asked = 0.0

        def network(state: Tensor, time: float) -> Tensor:
            nonlocal asked
            asked = time
            times, guidance = filled(state, time), told.expand(len(state), -1)
            return self.unet(state.to(words), times, words, timestep_cond=guidance).sample.to(x)

        states = x.repeat(len(prompts), 1, 1, 1)
        clean = self.denoised(network, states, level)
        t, d = self.stretch * asked, 0.5
        length = math.hypot(t, d)
        return ((d / length) ** 2 * states + t / length * clean).chunk(len(prompts))


def sinusoids(guidance: float, size: int) -> Tensor:
    """How a network is told a guidance above one, [1, size]: sines, then cosines."""
    half = size // 2
    rates = torch.exp(torch.arange(half) * -(math.log(10000.0) / (half - 1)))
    angles = 1000 * guidance * rates
    told = torch.cat([angles.sin(), angles.cos()])
    return torch.nn.functional.pad(told, (0, size % 2))[None]
