"""Stable Diffusion XL: a sentence read by two CLIPs, latents denoised by a UNet."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from graph.export.pieces.clip import clip_of
from graph.export.pieces.conventions import Level
from graph.export.pieces.loading import every, filled, load, read
from graph.export.pieces.settings import MODELS

PIPELINES = ("StableDiffusionXLPipeline",)
PARTS = {
    "unet": "unet",
    "text_encoder": "first.encoder",
    "text_encoder_2": "second.encoder",
}


class StableDiffusionXL:
    """SDXL (arXiv 2307.01952), told that its picture was of the canvas' size and not cropped."""

    def __init__(self, name: str, denoised: Any) -> None:
        self.first = clip_of(CLIPTextModel, MODELS / name)
        self.second = clip_of(CLIPTextModelWithProjection, MODELS / name, "_2")
        self.unet = load(UNet2DConditionModel, MODELS / name / "unet")
        self.learn(name)
        self.denoised = denoised

    def learn(self, name: str) -> None:
        """What the folder says of its null, and how many pixels lie at a place."""
        index = read(MODELS / name / "model_index.json")
        self.null_is_zero = index.get("force_zeros_for_empty_prompt", True)
        blocks = read(MODELS / name / "vae" / "config.json")["block_out_channels"]
        self.scale = 2 ** (len(blocks) - 1)

    def encode(self, sentence: str | None) -> tuple[Tensor, Tensor]:
        """A sentence, or none, as words [tokens, width] and as a whole [projection]."""
        first, second = self.first(sentence or ""), self.second(sentence or "")
        words = torch.cat([first.hidden_states[-2][0], second.hidden_states[-2][0]], -1)
        pooled = second.text_embeds[0]
        if sentence is None and self.null_is_zero:
            return torch.zeros_like(words), torch.zeros_like(pooled)
        return words, pooled

    def __call__(self, x: Tensor, level: Level, prompts: list) -> tuple[Tensor, ...]:
        """D(x) under each of the prompts, in one forward pass."""
        words = torch.stack([words for words, _ in every(prompts, len(x))])
        pooled = torch.stack([pooled for _, pooled in every(prompts, len(x))])
        height, width = (side * self.scale for side in x.shape[2:])
        sizes = pooled.new_tensor([[height, width, 0, 0, height, width]]).expand(len(words), -1)
        added = {"text_embeds": pooled, "time_ids": sizes}

        def network(state: Tensor, time: float) -> Tensor:
            times = filled(state, time)
            answer = self.unet(state.to(words), times, words, added_cond_kwargs=added)
            return answer.sample.to(x)

        states = x.repeat(len(prompts), 1, 1, 1)
        return self.denoised(network, states, level).chunk(len(prompts))
