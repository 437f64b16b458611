"""Stable Diffusion 1 and 2: a sentence read by CLIP, latents denoised by a UNet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel

from graph.clip import Clip, clip_of
from graph.codec import Codec, codec_of
from graph.converted import network_of
from graph.interfaces import Adaptable, Heard
from graph.levels import NoiseLevel
from graph.library import Model
from graph.machine import Machine
from graph.native import native_of
from graph.parametrisation import Parametrisation
from graph.unets import answering


class StableDiffusion(Adaptable):
    """Latent diffusion (arXiv 2112.10752) as StableDiffusionPipeline stores it.

    No condition is the empty sentence, which is what it was trained on.
    """

    pipelines: ClassVar[tuple[str, ...]] = ("StableDiffusionPipeline",)
    sized: ClassVar[bool] = True

    def __init__(
        self, model: Model, unet: Any, clip: Clip, codec: Codec, native: Parametrisation
    ) -> None:
        self.codec, self.preview, self.canvas = codec, model.card.preview, model.canvas
        self._unet, self._clip, self._native = unet, clip, native

    @classmethod
    def load(cls, model: Model, machine: Machine) -> StableDiffusion:
        """Load UNet, text encoder, tokenizer and autoencoder of a folder."""
        return cls(
            model,
            network_of(model, "unet", UNet2DConditionModel, machine),
            clip_of(model, machine, CLIPTextModel),
            codec_of(model, machine),
            native_of(model.folder / "scheduler"),
        )

    def networks(self) -> Mapping[str, Any]:
        """UNet and text encoder."""
        return {"unet": self._unet, "text_encoder": self._clip.encoder}

    def exchanged(self, networks: Mapping[str, Any]) -> StableDiffusion:
        """The same expert with another UNet and text encoder."""
        clip = self._clip.over(networks["text_encoder"])
        return self._with(_unet=networks["unet"], _clip=clip)

    def encode(self, value: str | None) -> Tensor:
        """A sentence, or None for no condition, as words [tokens, width]."""
        return self._clip.read(value or "").last_hidden_state[0]

    def denoise(
        self,
        x: Tensor,
        level: NoiseLevel,
        conditions: Sequence[Tensor],
        heard: Sequence[Heard] = (),
    ) -> Tensor:
        """D(x) of n states under n sentences, in one forward pass."""
        network = answering(self._unet, torch.stack(list(conditions)), heard=heard)
        return self._native.denoise(network, x, level)
