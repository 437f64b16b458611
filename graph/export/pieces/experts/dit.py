"""DiT: a class, or a picture beside the state, or nothing at all."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKL, DiTTransformer2DModel
from PIL import Image
from torch import Tensor

from graph.export.pieces.conventions import Level
from graph.export.pieces.decoding import colours_of, scaled_latents
from graph.export.pieces.loading import filled, load
from graph.export.pieces.settings import MODELS

PIPELINES = ("DiTPipeline",)


class DiT:
    """A diffusion transformer (arXiv 2212.09748) that is asked with a class or with nothing."""

    def __init__(self, name: str, denoised: Any) -> None:
        self.transformer = load(DiTTransformer2DModel, MODELS / name / "transformer")
        self.denoised = denoised

    def encode(self, label: int | None) -> int:
        """The number of a class; none has a number of its own."""
        return self.transformer.config.num_embeds_ada_norm if label is None else label

    def __call__(self, x: Tensor, level: Level, labels: list[int]) -> tuple[Tensor, ...]:
        """D(x) under each of the labels, in one forward pass."""
        numbers = torch.tensor(labels, device=x.device).repeat_interleave(len(x))

        def network(state: Tensor, time: float) -> Tensor:
            native = state.to(self.transformer.dtype)
            times = filled(state, time)
            answer = self.transformer(native, timestep=times, class_labels=numbers).sample
            return answer[:, : x.shape[1]].to(x)  # a learned variance may ride behind

        states = x.repeat(len(labels), 1, 1, 1)
        return self.denoised(network, states, level).chunk(len(labels))


class DiTBesidePicture:
    """A diffusion transformer (arXiv 2212.09748) that sees a picture beside the state.

    The picture is encoded by the autoencoder of the latents, as InstructPix2Pix does; none is zero.
    """

    def __init__(self, name: str, denoised: Any) -> None:
        self.vae = load(AutoencoderKL, MODELS / name / "vae")
        self.transformer = load(DiTTransformer2DModel, MODELS / name / "transformer")
        self.denoised = denoised

    def encode(self, picture: Image.Image | None) -> Tensor:
        """A picture of the canvas' size, or none, as latents [c, h, w]."""
        if picture is not None:
            return scaled_latents(self.vae, colours_of(self.vae, picture))[0]
        config = self.transformer.config
        channels = config.in_channels - self.vae.config.latent_channels
        empty = torch.zeros(channels, config.sample_size, config.sample_size)
        return empty.to(self.transformer.device, self.transformer.dtype)

    def __call__(self, x: Tensor, level: Level, pictures: list[Tensor]) -> tuple[Tensor, ...]:
        """D(x) beside each of the pictures, in one forward pass."""
        beside = torch.stack(pictures).repeat_interleave(len(x), 0)
        nothing = torch.full((len(beside),), self.transformer.config.num_embeds_ada_norm)

        def network(state: Tensor, time: float) -> Tensor:
            answer = self.transformer(
                torch.cat([state.to(beside), beside], 1),
                timestep=filled(state, time),
                class_labels=nothing.to(x.device),
            ).sample
            return answer[:, : x.shape[1]].to(x)  # a learned variance may ride behind

        states = x.repeat(len(pictures), 1, 1, 1)
        return self.denoised(network, states, level).chunk(len(pictures))
