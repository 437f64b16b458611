"""InstructPix2Pix: a picture that is changed as a sentence says, by a UNet that is shown it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from diffusers import UNet2DConditionModel
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
from graph.pictures import fit
from graph.unets import answering
from graph.weights import frozen


@dataclass(frozen=True, slots=True)
class Shown:
    """An encoded condition: words [tokens, width] and the picture's latents [c, h, w]."""

    words: Tensor
    picture: Tensor


class InstructPix2Pix(Checkpoint):
    """InstructPix2Pix (arXiv 2211.09800) as StableDiffusionInstructPix2PixPipeline stores it.

    It is shown the mean of the picture's latents in the autoencoder's own numbers, as it was
    trained; an absent picture is zero, and an absent sentence the empty one.
    """

    pipelines: ClassVar[tuple[str, ...]] = ("StableDiffusionInstructPix2PixPipeline",)
    sized: ClassVar[bool] = True

    def __init__(
        self, model: Model, unet: Any, clip: Clip, codec: Codec, native: Parametrisation
    ) -> None:
        self.codec, self.preview, self.canvas = codec, model.card.preview, model.canvas
        self._codec, self._unet, self._clip, self._native = codec, unet, clip, native

    @classmethod
    def load(cls, model: Model, machine: Machine) -> InstructPix2Pix:
        """Load UNet, text encoder, tokenizer and autoencoder of a folder."""
        return cls(
            model,
            frozen(UNet2DConditionModel, model.folder / "unet", machine),
            clip_of(model, machine, CLIPTextModel),
            codec_of(model, machine),
            native_of(model.folder / "scheduler"),
        )

    def encode(self, value: Mapping[str, Any] | None) -> Shown:
        """{"text": sentence, "photo": picture}, either of them absent or both."""
        parts = value or {}
        words = self._clip.read(parts.get("text") or "").last_hidden_state[0]
        photo = parts.get("photo")
        if photo is None:
            return Shown(words, words.new_zeros(self._codec.shape(self._size)))
        colours = self._codec.colours([fit(photo, self._size)])
        return Shown(words, self._codec.mean(colours)[0].to(words))

    def denoise(self, x: Tensor, level: NoiseLevel, conditions: Sequence[Shown]) -> Tensor:
        """D(x) of n states under n sentences and pictures, in one forward pass."""
        words = torch.stack([each.words for each in conditions])
        pictures = torch.stack([each.picture for each in conditions])
        network = answering(self._unet, words, beside=pictures)
        return self._native.denoise(network, x, level)
