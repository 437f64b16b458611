"""Stable Diffusion 1 and 2: a sentence read by CLIP, latents denoised by a UNet."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel

from graph.export.pieces.clip import clip_of
from graph.export.pieces.conventions import Level
from graph.export.pieces.loading import every, filled, load
from graph.export.pieces.settings import MODELS

PIPELINES = ("StableDiffusionPipeline",)
PARTS = {"unet": "unet", "text_encoder": "clip.encoder"}


class StableDiffusion:
    """Latent diffusion (arXiv 2112.10752) as StableDiffusionPipeline stores it."""

    def __init__(self, name: str, denoised: Any) -> None:
        self.clip = clip_of(CLIPTextModel, MODELS / name)
        self.unet = load(UNet2DConditionModel, MODELS / name / "unet")
        self.denoised = denoised

    def encode(self, sentence: str | None) -> Tensor:
        """A sentence as words [tokens, width]; no condition is the empty one."""
        return self.clip(sentence or "").last_hidden_state[0]

    def __call__(self, x: Tensor, level: Level, prompts: list[Tensor]) -> tuple[Tensor, ...]:
        """D(x) under each of the prompts, in one forward pass."""
        words = torch.stack(every(prompts, len(x)))

        def network(state: Tensor, time: float) -> Tensor:
            return self.unet(state.to(words), filled(state, time), words).sample.to(x)

        states = x.repeat(len(prompts), 1, 1, 1)
        return self.denoised(network, states, level).chunk(len(prompts))
