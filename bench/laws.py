"""The laws that samplers draw from when Gaussian experts are composed, in closed form.

In y = x/alpha and with r = sigma/alpha, a composition D̂ = Σ kⱼ·Dⱼ of experts N(mⱼ, vⱼ) with
Σ kⱼ = W has the score −Σ kⱼ·(y − mⱼ)/(vⱼ + r²). Flow and diffusion are then linear, and their
samples Gaussian, but not the Gaussian that Π pⱼ^kⱼ is: that is `density`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import torch
from torch import Tensor

CELLS = 400_000


@dataclass(frozen=True)
class Law:
    """A Gaussian of one dimension by its mean and variance."""

    mean: float
    variance: float


@dataclass(frozen=True)
class Part:
    """One expert's part in one dimension of a composition: kⱼ, mⱼ and vⱼ."""

    factor: float
    mean: float
    variance: float


def density(parts: Sequence[Part]) -> Law:
    """Π pⱼ^kⱼ, which a plain sampler does not draw from in general."""
    precision = sum(part.factor / part.variance for part in parts)
    pull = sum(part.factor * part.mean / part.variance for part in parts)
    return Law(pull / precision, 1.0 / precision)


def flow(parts: Sequence[Part], start: float) -> Law:
    """What the probability-flow ODE draws from N(0, start²) at the ratio `start`.

    dy/dr = Σ kⱼ·r·(y − mⱼ)/(vⱼ + r²) is linear: with G(r) = Π (vⱼ + r²)^(kⱼ/2) the spread of y is
    G(0)/G(start) times what it was, and the mean is G(0)·∫ Σ kⱼ·mⱼ·r/(vⱼ + r²)/G(r) dr.
    """

    def pull(r: Tensor) -> Tensor:
        return _sum(part.factor * part.mean * r / (part.variance + r**2) for part in parts)

    mean = _integral(lambda r: pull(r) * _grown(parts, r, 0.5), start)
    return Law(mean, (start * _ratio(parts, start, 0.5)) ** 2)


def turns(parts: Sequence[Part], starts: Sequence[float]) -> Law:
    """What the flow draws when one expert after the other has it, each from its ratio on.

    Along each turn y = m + (y₀ − m)·√((v + r²)/(v + r₀²)), exactly.
    """
    mean, spread = 0.0, starts[0]
    for part, begun, ended in zip(parts, starts, (*starts[1:], 0.0), strict=True):
        kept = math.sqrt((part.variance + ended**2) / (part.variance + begun**2))
        mean, spread = part.mean + (mean - part.mean) * kept, spread * kept
    return Law(mean, spread**2)


def diffusion(parts: Sequence[Part], start: float) -> Law:
    """What the reverse diffusion draws, with all its fresh noise, from the same start.

    dy = score·d(r²) + dW over falling r² is linear too: with H(r) = Π (vⱼ + r²)^kⱼ the mean is
    H(0)·∫ 2r·Σ kⱼ·mⱼ/(vⱼ + r²)/H(r) dr and the variance what is left of the start and of the noise.
    """

    def pull(r: Tensor) -> Tensor:
        return 2 * r * _sum(part.factor * part.mean / (part.variance + r**2) for part in parts)

    mean = _integral(lambda r: pull(r) * _grown(parts, r, 1.0), start)
    noise = _integral(lambda r: 2 * r * _grown(parts, r, 2.0), start)
    return Law(mean, (start * _ratio(parts, start, 1.0)) ** 2 + noise)


def _grown(parts: Sequence[Part], r: Tensor, power: float) -> Tensor:
    """Π (vⱼ/(vⱼ + r²))^(power·kⱼ): how much of what is at r is left in the clean sample."""
    logs = _sum(part.factor * torch.log(part.variance / (part.variance + r**2)) for part in parts)
    return torch.exp(power * logs)


def _ratio(parts: Sequence[Part], r: float, power: float) -> float:
    return float(_grown(parts, torch.tensor(r, dtype=torch.float64), power))


def _integral(values: Callable[[Tensor], Tensor], end: float) -> float:
    """∫ values(r) dr from 0 to `end`, by midpoints that are dense near zero."""
    edges = torch.sinh(torch.linspace(0.0, math.asinh(end), CELLS + 1, dtype=torch.float64))
    middle = (edges[1:] + edges[:-1]) / 2
    return float((values(middle) * edges.diff()).sum())


def _sum(values: Iterable[Tensor]) -> Tensor:
    return reduce(add, values, torch.zeros((), dtype=torch.float64))
