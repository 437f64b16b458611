"""Pixel experts: a UNet without any condition, whose state is the picture itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from diffusers import UNet2DModel
from torch import Tensor

from graph.folders import read_json
from graph.interfaces import Checkpoint
from graph.levels import NoiseLevel
from graph.library import Model, Preview
from graph.machine import Machine
from graph.native import native_of
from graph.parametrisation import Parametrisation
from graph.weights import frozen

COLOURS = 3


class Ddpm(Checkpoint):
    """Denoising diffusion of pixels (arXiv 2006.11239) as DDPMPipeline and DDIMPipeline store it.

    `within` is how far its clean pictures may lie from 0, where the scheduler's file says that they
    are clipped: far out in the noise a small error of the network would be a large one of D.
    """

    pipelines: ClassVar[tuple[str, ...]] = ("DDIMPipeline", "DDPMPipeline")

    def __init__(
        self, model: Model, unet: Any, native: Parametrisation, within: float | None
    ) -> None:
        self.canvas = model.canvas
        self.preview = model.card.preview or _as_it_is(model.space.shape[0])
        self._unet, self._native, self._within = unet, native, within

    @classmethod
    def load(cls, model: Model, machine: Machine) -> Ddpm:
        """Load the UNet of a folder."""
        config = read_json(model.name, model.folder / "scheduler" / "scheduler_config.json")
        within = float(config.get("clip_sample_range", 1.0)) if config.get("clip_sample") else None
        unet = frozen(UNet2DModel, model.folder / "unet", machine)
        return cls(model, unet, native_of(model.folder / "scheduler"), within)

    def encode(self, value: None) -> None:
        """Nothing: it takes no condition."""
        return value

    def denoise(self, x: Tensor, level: NoiseLevel, conditions: Sequence[None]) -> Tensor:
        """D(x) of n states, in one forward pass."""

        def network(state: Tensor, time: float) -> Tensor:
            times = torch.full((len(state),), time, device=state.device)
            return self._unet(state.to(self._unet.dtype), times, return_dict=False)[0].to(state)

        clean = self._native.denoise(network, x, level)
        return clean if self._within is None else clean.clamp(-self._within, self._within)


def _as_it_is(channels: int) -> Preview | None:
    """The preview of a state that is a picture, grey or in colours; None for what is neither."""
    if channels not in (1, COLOURS):
        return None
    rows = [[0.5 if channels == 1 or i == j else 0.0 for j in range(3)] for i in range(channels)]
    return Preview(weight=tuple(map(tuple, rows)), bias=(0.5, 0.5, 0.5))
