"""Closed forms that correctors are held against, and the walk of a corrected sampler."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from graph.composing import Composition
from graph.fusion.product import Product
from graph.interfaces import Corrector, Estimate, Part, Sampler, Seen, Step
from graph.levels import NoiseLevel
from graph.schedules.karras import Karras


@dataclass(frozen=True)
class Bell:
    """A Gaussian in one dimension, as an expert."""

    mean: float
    variance: float

    def spread(self, level: NoiseLevel) -> float:
        """Variance of the state."""
        return level.alpha**2 * self.variance + level.sigma**2

    def denoise(self, x: Tensor, level: NoiseLevel) -> Tensor:
        """E[x0 | x] by regression."""
        gain = level.alpha * self.variance / self.spread(level)
        return self.mean + gain * (x - level.alpha * self.mean)

    def log_density(self, x: Tensor, level: NoiseLevel) -> Tensor:
        """log p(x), [b, 1]."""
        normal = torch.distributions.Normal(level.alpha * self.mean, math.sqrt(self.spread(level)))
        return normal.log_prob(x)


PAIR = Bell(-1.0, 0.25), Bell(2.0, 1.0)


@dataclass
class Ensemble:
    """Experts multiplied with weights; counts how often it is asked."""

    experts: Sequence[object]
    weights: Sequence[float]
    asked: int = 0

    def __call__(self, x: Tensor, level: NoiseLevel) -> Seen:
        """What a corrector sees at a state."""
        self.asked += 1
        estimates = [Estimate(each.denoise(x, level)) for each in self.experts]
        parts = [
            (Part(estimate.denoised, lambda each=each: each.log_density(x, level)), None)
            for each, estimate in zip(self.experts, estimates, strict=True)
        ]
        shares = [1.0] * len(parts)
        denoised = Product()(x, level, estimates, self.weights, shares, None).denoised
        composed = Composition(Product(), level, parts, self.weights, shares, None)
        return Seen(x, level, denoised, composed.weighed)


def drawn(shape: tuple[int, ...], seed: int = 5) -> Callable[[], Tensor]:
    """A fixed generator's normal draws, in float64."""
    generator = torch.Generator().manual_seed(seed)
    return lambda: torch.randn(shape, dtype=torch.float64, generator=generator)


def standing(x: Tensor, level: NoiseLevel, ensemble: Ensemble) -> tuple[Seen, Step]:
    """A step that led to x from nearby."""
    return ensemble(x, level), Step(x, level, x)


def walk(
    ensemble: Ensemble,
    sampler: Sampler,
    corrector: Corrector,
    steps: int,
    shape: tuple[int, ...],
) -> Tensor:
    """Clean samples, from noise over the root of the net weight, on Karras levels."""
    draw, memory = drawn(shape), None
    levels = Karras().levels(steps)
    x = levels[0].sigma * draw() / math.sqrt(sum(ensemble.weights))
    for pair in pairwise(levels):
        seen: list[Seen] = []

        def denoise(x: Tensor, level: NoiseLevel, seen: list[Seen] = seen) -> Tensor:
            seen.append(ensemble(x, level))
            return seen[-1].denoised

        (step,) = sampler(denoise, x, pair, draw)
        made = corrector(memory, seen[-1], step, ensemble, draw)
        memory, x = made.memory, made.x
    return x


TRUTH = [
    ((0.6, 0.4), -0.5714, 0.3571),
    ((1.0, 1.0), -0.4, 0.2),
    ((2.0, -1.0), -1.4286, 0.1429),
]
"""D3: weights of PAIR, and mean and variance of the density that they name."""
