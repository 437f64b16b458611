"""Stable Diffusion XL: a sentence read by two CLIPs, latents denoised by a UNet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from graph.clip import Clip, clip_of
from graph.codec import Codec, codec_of
from graph.converted import network_of
from graph.folders import read_json
from graph.interfaces import Adaptable, Heard
from graph.levels import NoiseLevel
from graph.library import Model
from graph.machine import Machine
from graph.native import native_of
from graph.parametrisation import Parametrisation
from graph.unets import answering


@dataclass(frozen=True, slots=True)
class Prompt:
    """A sentence as words [tokens, width], and as a whole [projection]."""

    words: Tensor
    pooled: Tensor


class StableDiffusionXL(Adaptable):
    """SDXL (arXiv 2307.01952) as StableDiffusionXLPipeline stores it.

    It is told that the picture was of the size that is painted, and cropped nowhere. No condition
    is zeros where the folder says force_zeros_for_empty_prompt, else the empty sentence.
    """

    pipelines: ClassVar[tuple[str, ...]] = ("StableDiffusionXLPipeline",)
    sized: ClassVar[bool] = True

    def __init__(
        self,
        model: Model,
        unet: Any,
        clips: tuple[Clip, Clip],
        codec: Codec,
        native: Parametrisation,
    ) -> None:
        self.codec, self.preview, self.canvas = codec, model.card.preview, model.canvas
        self._unet, self._clips, self._native = unet, clips, native
        index = read_json(model.name, model.folder / "model_index.json")
        self._null_is_zero = bool(index.get("force_zeros_for_empty_prompt", True))
        self._scale = codec.factor

    @classmethod
    def load(cls, model: Model, machine: Machine) -> StableDiffusionXL:
        """Load UNet, both text encoders with their tokenizers, and autoencoder of a folder."""
        return cls(
            model,
            network_of(model, "unet", UNet2DConditionModel, machine),
            (
                clip_of(model, machine, CLIPTextModel),
                clip_of(model, machine, CLIPTextModelWithProjection, "_2"),
            ),
            codec_of(model, machine),
            native_of(model.folder / "scheduler"),
        )

    def networks(self) -> Mapping[str, Any]:
        """UNet and both text encoders."""
        first, second = self._clips
        return {
            "unet": self._unet,
            "text_encoder": first.encoder,
            "text_encoder_2": second.encoder,
        }

    def exchanged(self, networks: Mapping[str, Any]) -> StableDiffusionXL:
        """The same expert with another UNet and other text encoders."""
        clips = tuple(
            clip.over(networks[part])
            for clip, part in zip(self._clips, ("text_encoder", "text_encoder_2"), strict=True)
        )
        return self._with(_unet=networks["unet"], _clips=clips)

    def encode(self, value: str | None) -> Prompt:
        """A sentence, or None for no condition."""
        first, second = (clip.read(value or "") for clip in self._clips)
        words = torch.cat([first.hidden_states[-2][0], second.hidden_states[-2][0]], -1)
        prompt = Prompt(words, second.text_embeds[0])
        if value is None and self._null_is_zero:
            return Prompt(torch.zeros_like(prompt.words), torch.zeros_like(prompt.pooled))
        return prompt

    def denoise(
        self,
        x: Tensor,
        level: NoiseLevel,
        conditions: Sequence[Prompt],
        heard: Sequence[Heard] = (),
    ) -> Tensor:
        """D(x) of n states under n sentences, in one forward pass."""
        words = torch.stack([prompt.words for prompt in conditions])
        pooled = torch.stack([prompt.pooled for prompt in conditions])
        height, width = (side * self._scale for side in x.shape[-2:])
        sizes = torch.tensor([[height, width, 0, 0, height, width]]).expand(len(x), -1)
        added = {"text_embeds": pooled, "time_ids": sizes.to(pooled)}
        return self._native.denoise(answering(self._unet, words, added, heard=heard), x, level)
