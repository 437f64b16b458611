"""Adapters: what makes a network, one range of noise after another, know noisy pictures."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from graph.levels import NoiseLevel

ALPHA = 0.5
"""alpha over rank: how much of what an adapter says is added (16 and 8 in arXiv 2212.05973)."""
MOST = 64
"""The highest rank; beyond it matrices would be left out one after another."""
DOWN, UP, SHIFT = ".down", ".up", ".shift"

Adapter = Mapping[str, Tensor]
"""By the names of a network's parameters: `.down` [r, in] and `.up` [out, r] of a matrix or kernel
[out, in, …], `.shift` of a vector."""


def range_of(edges: Sequence[float], level: NoiseLevel) -> int:
    """Which range a level lies in: the edges are log-SNRs that rise, the first range the noisiest.

    Every level lies in exactly one; an edge belongs to the range above it.
    """
    return bisect_right(edges, level.log_snr)


def shapes(sizes: Mapping[str, Sequence[int]], rank: int) -> dict[str, tuple[int, ...]]:
    """The tensors of an adapter for parameters of these sizes.

    A matrix for which they would hold as many numbers as it has itself is left as it is.
    """
    found: dict[str, tuple[int, ...]] = {}
    for name, size in sizes.items():
        if len(size) < 2:
            found[name + SHIFT] = tuple(size)
            continue
        rows, columns = size[0], math.prod(size[1:])
        if rank * (rows + columns) < rows * columns:
            found[name + DOWN], found[name + UP] = (rank, columns), (rows, rank)
    return found


def rank_within(sizes: Mapping[str, Sequence[int]], share: float) -> int:
    """The highest rank with which an adapter has at most this share of the parameters; at least 1.

    ValueError if even rank 1 has more.
    """
    whole = sum(map(math.prod, sizes.values()))
    rank = 0
    while sum(map(math.prod, shapes(sizes, rank + 1).values())) <= share * whole and rank < MOST:
        rank += 1
    if rank == 0:
        raise ValueError(f"no adapter of this network keeps within {100 * share:g} % of it")
    return rank


def untrained(
    parameters: Mapping[str, Tensor], rank: int, generator: torch.Generator
) -> dict[str, Tensor]:
    """An adapter that changes nothing yet: random rows down, zeros up (arXiv 2106.09685)."""
    made: dict[str, Tensor] = {}
    for name, size in shapes({key: each.shape for key, each in parameters.items()}, rank).items():
        drawn = torch.randn(size, generator=generator) / math.sqrt(size[-1])
        made[name] = drawn if name.endswith(DOWN) else torch.zeros(size)
    return made


def adapted(parameters: Mapping[str, Tensor], adapter: Adapter) -> dict[str, Tensor]:
    """The parameters with what an adapter adds: W + alpha/rank·up·down, b + shift."""
    made = dict(parameters)
    for name, weight in parameters.items():
        if name + UP in adapter:
            change = ALPHA * (adapter[name + UP] @ adapter[name + DOWN])
            made[name] = weight + change.reshape(weight.shape).to(weight)
        elif name + SHIFT in adapter:
            made[name] = weight + adapter[name + SHIFT].to(weight)
    return made


class Adapted:
    """The parameters of a frozen network at every level: its own with the adapter of the range."""

    def __init__(
        self, parameters: Mapping[str, Tensor], edges: Sequence[float], adapters: Sequence[Adapter]
    ) -> None:
        self._parameters, self._edges, self._adapters = parameters, tuple(edges), tuple(adapters)
        self._last: tuple[int, dict[str, Tensor]] | None = None

    def at(self, level: NoiseLevel) -> dict[str, Tensor]:
        """The parameters for a level; added up anew only where another range begins."""
        number = range_of(self._edges, level)
        last = self._last
        if last is None or last[0] != number:
            with torch.inference_mode(False), torch.no_grad():
                last = (number, adapted(self._parameters, self._adapters[number]))
            self._last = last
        return last[1]
