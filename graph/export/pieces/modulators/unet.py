"""Modulators that are a small UNet."""

from __future__ import annotations

import math

import torch
from diffusers import UNet2DModel
from torch import Tensor

from graph.export.pieces.conventions import Level
from graph.export.pieces.loading import filled, load
from graph.export.pieces.settings import MODELS

NETWORKS = ("UNet2DModel",)


class Modulator:
    """A modulator (MCM, arXiv 2302.12764): it rewrites v = alpha·noise − sigma·x0 as γ⊙v + ν.

    Its network sees x, v, D and the maps, and answers γ − 1 and ν.
    """

    def __init__(self, name: str) -> None:
        self.network = load(UNet2DModel, MODELS / name)

    def __call__(self, x: Tensor, clean: Tensor, level: Level, maps: Tensor) -> Tensor:
        """By how much D changes: −sigma·(v' − v)."""
        alpha, sigma = level
        v = alpha * (x - alpha * clean) / sigma - sigma * clean
        seen = torch.cat([x, v, clean, maps.expand(len(x), -1, -1, -1)], 1)
        noise = math.atan2(sigma, alpha) / (math.pi / 2)
        answer = self.network(seen.to(self.network.dtype), filled(x, 1000 * noise)).sample
        gain, shift = answer.to(x).chunk(2, 1)
        return -sigma * (gain * v + shift)
