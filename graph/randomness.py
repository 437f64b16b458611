"""Randomness: every draw comes from a generator derived from (seed, track, sample, role)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def generator(seed: int, track: int, sample: int, role: str) -> torch.Generator:
    """A CPU generator of its own for one role of one sample, equal on every device."""
    digest = hashlib.sha256(f"{seed}/{track}/{sample}/{role}".encode()).digest()
    return torch.Generator("cpu").manual_seed(int.from_bytes(digest[:8], "big") >> 1)


class Draws:
    """Standard normal draws for a batch, [b, *shape]; a sample's draws do not depend on the batch.

    Each stands for so many `points`, all of one generator: then it is [b·points, *shape].

    The numbers are made on the host, so that one seed paints the same picture on every device.
    """

    def __init__(
        self,
        seed: int,
        track: int,
        samples: Sequence[int],
        role: str,
        shape: tuple[int, ...],
        like: Tensor,
        points: int = 1,
    ) -> None:
        self._generators = [generator(seed, track, sample, role) for sample in samples]
        self._shape = (points, *shape)
        self._like = like

    def __call__(self) -> Tensor:
        """The next draw."""
        rows = [torch.randn(self._shape, generator=each) for each in self._generators]
        return torch.cat(rows).to(self._like, non_blocking=True)


class Again:
    """Draws that were `taken` before, from the first on; then fresh ones, which are taken too."""

    def __init__(self, draws: Callable[[], Tensor], taken: list[Tensor]) -> None:
        self._draws, self._taken = draws, taken
        self._count = 0

    def __call__(self) -> Tensor:
        """The next draw."""
        if self._count == len(self._taken):
            self._taken.append(self._draws())
        self._count += 1
        return self._taken[self._count - 1]


class Foreseen:
    """Draws of which the next may be looked at before it is taken."""

    def __init__(self, draws: Callable[[], Tensor]) -> None:
        self._draws = draws
        self._next: Tensor | None = None

    def ahead(self) -> Tensor:
        """The next draw, which stays the next."""
        if self._next is None:
            self._next = self._draws()
        return self._next

    def __call__(self) -> Tensor:
        """The next draw."""
        drawn, self._next = self.ahead(), None
        return drawn
