"""Experts that are formulas, multiplied and corrected: what `prove` plays of the correctors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor

from graph.composing import Composition
from graph.experts.gaussian import posterior_mean
from graph.fusion.product import Product
from graph.interfaces import Corrector, Estimate, Part, Sampler, Seen, Step
from graph.levels import NoiseLevel
from graph.schedules.karras import Karras


@dataclass(frozen=True)
class Multiplied:
    """Gaussians in one dimension with weights, and what a corrector sees of them."""

    experts: Sequence[tuple[float, float]]
    weights: Sequence[float]

    def __call__(self, x: Tensor, level: NoiseLevel) -> Seen:
        """The answers at a state [n, 1]."""
        estimates = [
            Estimate(posterior_mean(x, level, *map(x.new_tensor, moments)))
            for moments in self.experts
        ]

        def log_density(mean: float, variance: float) -> Tensor:
            spread = level.alpha**2 * variance + level.sigma**2
            off = x - level.alpha * mean
            return -0.5 * (off**2 / spread + math.log(2 * math.pi * spread))

        parts = [
            (Part(estimate.denoised, partial(log_density, *moments)), None)
            for estimate, moments in zip(estimates, self.experts, strict=True)
        ]
        rule, shares = Product(), [1.0] * len(parts)
        denoised = rule(x, level, estimates, self.weights, shares, None).denoised
        composed = Composition(rule, level, parts, self.weights, shares, None)
        return Seen(x, level, denoised, composed.weighed)


Draw = Callable[[], Tensor]


def walked(
    ensemble: Multiplied, sampler: Sampler, corrector: Corrector, steps: int, draw: Draw
) -> Tensor:
    """Clean samples; every step is corrected. They start from noise over √W, the net weight's."""
    levels, memory = Karras().levels(steps), None
    x = levels[0].sigma * draw() / math.sqrt(sum(ensemble.weights))
    for pair in pairwise(levels):
        seen = ensemble(x, pair[0])
        (step,) = sampler(lambda _x, _level, seen=seen: seen.denoised, x, pair, draw)
        made = corrector(memory, seen, step, ensemble, draw)
        memory, x = made.memory, made.x
    return x


def stirred(ensemble: Multiplied, corrector: Corrector, level: NoiseLevel, draw: Draw) -> Tensor:
    """Where a corrector settles at one level, from noise."""
    x = draw()
    return corrector(None, ensemble(x, level), Step(x, level, x), ensemble, draw).x


def normal(count: int, seed: int) -> Draw:
    """Draws of a generator of their own, [count, 1]."""
    generator = torch.Generator().manual_seed(seed)
    return lambda: torch.randn(count, 1, dtype=torch.float64, generator=generator)
