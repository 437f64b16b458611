"""Pixel models: a UNet without any condition, whose state is the picture itself."""

from __future__ import annotations

from typing import Any

from diffusers import UNet2DModel
from torch import Tensor

from graph.export.pieces.conventions import Level
from graph.export.pieces.loading import filled, load, read
from graph.export.pieces.settings import MODELS

PIPELINES = ("DDIMPipeline", "DDPMPipeline")


class Ddpm:
    """Denoising diffusion of pixels (arXiv 2006.11239) as diffusers stores it."""

    def __init__(self, name: str, denoised: Any) -> None:
        self.unet = load(UNet2DModel, MODELS / name / "unet")
        config = read(MODELS / name / "scheduler" / "scheduler_config.json")
        self.bound = config.get("clip_sample_range", 1.0) if config.get("clip_sample") else None
        self.denoised = denoised

    def encode(self, nothing: None) -> None:
        """It takes no condition."""
        return nothing

    def __call__(self, x: Tensor, level: Level, nothing: list[None]) -> tuple[Tensor, ...]:
        """D(x), clipped where the checkpoint says so."""

        def network(state: Tensor, time: float) -> Tensor:
            return self.unet(state.to(self.unet.dtype), filled(state, time)).sample.to(state)

        clean = self.denoised(network, x, level)
        return (clean if self.bound is None else clean.clamp(-self.bound, self.bound),)
