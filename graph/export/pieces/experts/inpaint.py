"""Inpainting: a region of a picture painted anew, by a UNet that is shown the rest of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from PIL import Image
from torch import Tensor
from transformers import CLIPTextModel

from graph.export.pieces.clip import clip_of
from graph.export.pieces.conventions import Level
from graph.export.pieces.decoding import colours_of, scaled_latents
from graph.export.pieces.loading import filled, load
from graph.export.pieces.settings import MODELS

PIPELINES = ("StableDiffusionInpaintPipeline",)


class Inpaint:
    """Stable Diffusion for inpainting (arXiv 2112.10752).

    It is shown the region, 1 where it paints anew, and the latents of the picture with grey there:
    their mean, where the pipeline draws from about it.
    """

    def __init__(self, name: str, denoised: Any) -> None:
        self.clip = clip_of(CLIPTextModel, MODELS / name)
        self.vae = load(AutoencoderKL, MODELS / name / "vae")
        self.unet = load(UNet2DConditionModel, MODELS / name / "unet")
        self.denoised = denoised

    def encode(
        self, sentence: str | None, photo: Image.Image, region: Image.Image
    ) -> tuple[Tensor, Tensor]:
        """Words [tokens, width], and region and latents [1 + c, h, w]; no sentence is the empty."""
        words = self.clip(sentence or "").last_hidden_state[0]
        anew = torch.from_numpy(np.array(region.convert("L")) > 127).to(words)[None]
        latents = scaled_latents(self.vae, colours_of(self.vae, photo) * (1 - anew))[0]
        scale = 2 ** (len(self.vae.config.block_out_channels) - 1)  # pixels a place
        return words, torch.cat([anew[:, ::scale, ::scale], latents])

    def __call__(self, x: Tensor, level: Level, prompts: list) -> tuple[Tensor, ...]:
        """D(x) under each of the prompts, in one forward pass."""
        words = torch.stack([words for words, _ in prompts]).repeat_interleave(len(x), 0)
        beside = torch.stack([shown for _, shown in prompts]).repeat_interleave(len(x), 0)

        def network(state: Tensor, time: float) -> Tensor:
            both = torch.cat([state.to(words), beside], 1)
            return self.unet(both, filled(state, time), words).sample.to(x)

        states = x.repeat(len(prompts), 1, 1, 1)
        return self.denoised(network, states, level).chunk(len(prompts))
