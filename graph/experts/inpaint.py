"""Inpainting: a region of a picture painted anew, by a UNet that is shown the rest of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from diffusers import UNet2DConditionModel
from PIL import Image
from torch import Tensor
from transformers import CLIPTextModel

from graph.clip import Clip, clip_of
from graph.codec import Codec, codec_of
from graph.interfaces import Checkpoint
from graph.levels import NoiseLevel
from graph.library import Model
from graph.machine import Machine
from graph.native import native_of
from graph.parametrisation import Parametrisation
from graph.pictures import fit, region
from graph.unets import answering
from graph.weights import frozen


@dataclass(frozen=True, slots=True)
class Shown:
    """An encoded condition: words [tokens, width], region and the picture's latents [1+c, h, w]."""

    words: Tensor
    beside: Tensor


class Inpaint(Checkpoint):
    """Stable Diffusion for inpainting (arXiv 2112.10752) as StableDiffusionInpaintPipeline has it.

    It is shown the region, 1 where it paints anew, and the latents of the picture with grey in
    the region. The mean of the latents is taken, where the pipeline draws from about it. No
    condition is the empty sentence; the picture is shown then too. Without a picture all of the
    canvas is painted anew.
    """

    pipelines: ClassVar[tuple[str, ...]] = ("StableDiffusionInpaintPipeline",)
    sized: ClassVar[bool] = True

    def __init__(
        self, model: Model, unet: Any, clip: Clip, codec: Codec, native: Parametrisation
    ) -> None:
        self.codec, self.preview, self.canvas = codec, model.card.preview, model.canvas
        self._codec, self._unet, self._clip, self._native = codec, unet, clip, native

    @classmethod
    def load(cls, model: Model, machine: Machine) -> Inpaint:
        """Load UNet, text encoder, tokenizer and autoencoder of a folder."""
        return cls(
            model,
            frozen(UNet2DConditionModel, model.folder / "unet", machine),
            clip_of(model, machine, CLIPTextModel),
            codec_of(model, machine),
            native_of(model.folder / "scheduler"),
        )

    def encode(self, value: Mapping[str, Any] | None) -> Shown:
        """{"text": sentence, "photo": picture, "region": white where it is painted anew}."""
        parts = value or {}
        words = self._clip.read(parts.get("text") or "").last_hidden_state[0]
        size = self._size
        white = Image.new("RGB", size, "white")
        anew = region(parts.get("region") or white, size)
        mask = torch.from_numpy(anew).to(words)[None]
        colours = self._codec.colours([fit(parts.get("photo") or white, size)])
        latents = self._codec.latents(colours * (1.0 - mask).to(colours))[0]
        places = mask[:, :: self._codec.factor, :: self._codec.factor]
        return Shown(words, torch.cat([places, latents.to(words)]))

    def denoise(self, x: Tensor, level: NoiseLevel, conditions: Sequence[Shown]) -> Tensor:
        """D(x) of n states under n sentences, regions and pictures, in one forward pass."""
        words = torch.stack([each.words for each in conditions])
        beside = torch.stack([each.beside for each in conditions])
        network = answering(self._unet, words, beside=beside)
        return self._native.denoise(network, x, level)
