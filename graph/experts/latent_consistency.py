"""Latent consistency models: a sentence read by CLIP, and the picture answered in a few steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel

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

GUIDANCE = 8.5
"""The guidance that the network is told to have taken, as its pipeline tells it."""
DEVIATION = 0.5
"""Of the data, by which the boundary is laid."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """Makes of a network a consistency function: at time 0 it answers the state itself.

    f = c_skip·x + c_out·D with c_skip = d²/(t² + d²) and c_out = t/√(t² + d²), where d is the
    data's deviation and t the network's time, stretched (arXiv 2310.04378, section 4).
    """

    stretch: float

    def __call__(self, clean: Tensor, x: Tensor, time: float) -> Tensor:
        """The end of the path through the state `x`, from the estimate at a network's time."""
        t, d = self.stretch * time, DEVIATION
        length = math.hypot(t, d)
        return (d / length) ** 2 * x + t / length * clean


class LatentConsistency(Adaptable):
    """Latent consistency models (arXiv 2310.04378) as LatentConsistencyModelPipeline stores them.

    What it answers is no mean of clean pictures but one of them, the end of the path that leads
    through the state; the sampler `consistency` is made for that. Guidance was distilled into it
    and stays at the pipeline's: asked alone, its own is 1. No condition is the empty sentence.
    """

    pipelines: ClassVar[tuple[str, ...]] = ("LatentConsistencyModelPipeline",)
    sized: ClassVar[bool] = True

    def __init__(
        self,
        model: Model,
        unet: Any,
        clip: Clip,
        codec: Codec,
        native: Parametrisation,
        boundary: Boundary,
    ) -> None:
        self.codec, self.preview, self.canvas = codec, model.card.preview, model.canvas
        self._unet, self._clip, self._native, self._boundary = unet, clip, native, boundary

    @classmethod
    def load(cls, model: Model, machine: Machine) -> LatentConsistency:
        """Load UNet, text encoder, tokenizer and autoencoder of a folder."""
        folder = model.folder / "scheduler"
        config = read_json(model.name, folder / "scheduler_config.json")
        return cls(
            model,
            network_of(model, "unet", UNet2DConditionModel, machine),
            clip_of(model, machine, CLIPTextModel),
            codec_of(model, machine),
            native_of(folder),
            Boundary(float(config.get("timestep_scaling", 10.0))),
        )

    def networks(self) -> Mapping[str, Any]:
        """UNet and text encoder."""
        return {"unet": self._unet, "text_encoder": self._clip.encoder}

    def exchanged(self, networks: Mapping[str, Any]) -> LatentConsistency:
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
        """f(x) of n states under n sentences, in one forward pass."""
        words = torch.stack(list(conditions))
        told = sinusoids(GUIDANCE - 1.0, self._unet.config.time_cond_proj_dim).to(words)
        network = answering(self._unet, words, guidance=told.expand(len(x), -1), heard=heard)
        clean = self._native.denoise(network, x, level)
        return self._boundary(clean, x, self._native.times.native(level).time)


def sinusoids(guidance: float, size: int) -> Tensor:
    """How a network is told a guidance above one, [1, size]: sines, then cosines (2310.04378)."""
    half = size // 2
    rates = torch.exp(torch.arange(half) * -(math.log(10000.0) / (half - 1)))
    angles = 1000.0 * guidance * rates
    told = torch.cat([angles.sin(), angles.cos()])
    return torch.nn.functional.pad(told, (0, size % 2))[None]
