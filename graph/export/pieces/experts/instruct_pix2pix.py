"""InstructPix2Pix: a picture that is changed as a sentence says, by a UNet that is shown it."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from PIL import Image
from torch import Tensor
from transformers import CLIPTextModel

from graph.export.pieces.clip import clip_of
from graph.export.pieces.conventions import Level
from graph.export.pieces.decoding import colours_of, latents_of
from graph.export.pieces.loading import filled, load
from graph.export.pieces.settings import MODELS

PIPELINES = ("StableDiffusionInstructPix2PixPipeline",)


class InstructPix2Pix:
    """InstructPix2Pix (arXiv 2211.09800), shown a picture in the autoencoder's own numbers."""

    def __init__(self, name: str, denoised: Any) -> None:
        self.clip = clip_of(CLIPTextModel, MODELS / name)
        self.vae = load(AutoencoderKL, MODELS / name / "vae")
        self.unet = load(UNet2DConditionModel, MODELS / name / "unet")
        self.denoised = denoised

    def encode(self, sentence: str | None, photo: Image.Image | None) -> tuple:
        """A sentence as words [tokens, width], a picture as latents [c, h, w], or none of them."""
        words = self.clip(sentence or "").last_hidden_state[0]
        if photo is None:
            return words, None
        return words, latents_of(self.vae, colours_of(self.vae, photo))[0]

    def __call__(self, x: Tensor, level: Level, prompts: list) -> tuple[Tensor, ...]:
        """D(x) under each of the prompts, in one forward pass; an absent picture is zero."""
        words = torch.stack([words for words, _ in prompts]).repeat_interleave(len(x), 0)
        photos = [x[0] * 0 if photo is None else photo.to(x) for _, photo in prompts]
        beside = torch.stack(photos).repeat_interleave(len(x), 0)

        def network(state: Tensor, time: float) -> Tensor:
            both = torch.cat([state, beside], 1)
            return self.unet(both.to(words), filled(state, time), words).sample.to(x)

        states = x.repeat(len(prompts), 1, 1, 1)
        return self.denoised(network, states, level).chunk(len(prompts))
