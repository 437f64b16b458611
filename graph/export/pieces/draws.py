"""The noise: every sample draws from generators of its own, so that a batch changes nothing."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from graph.export.pieces.settings import DEVICE


class Draws:
    """Standard normal draws for a batch, seeded by seed, track, sample and what they are for.

    They are made on the CPU, so that a seed gives one picture on every device.
    """

    def __init__(
        self, role: str, seed: int, track: int, samples: list[int], shape: tuple[int, ...]
    ) -> None:
        names = [f"{seed}/{track}/{sample}/{role}" for sample in samples]
        digests = [hashlib.sha256(name.encode()).digest() for name in names]
        seeds = [int.from_bytes(digest[:8], "big") >> 1 for digest in digests]
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.shape = shape
        self.coming: Tensor | None = None

    def __call__(self) -> Tensor:
        """The next draw, [b, *shape]."""
        drawn, self.coming = self.ahead(), None
        return drawn

    def ahead(self) -> Tensor:
        """The next draw, which stays the next."""
        if self.coming is None:
            rows = [torch.randn(self.shape, generator=each) for each in self.generators]
            self.coming = torch.stack(rows).to(DEVICE)
        return self.coming
