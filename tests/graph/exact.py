"""Closed forms that tests of the engine are held against, written apart from its own code."""

from __future__ import annotations

import torch
from torch import Tensor

from graph.levels import NoiseLevel


class GaussianFlow:
    """The probability-flow ODE of a diagonal Gaussian: marginals N(alpha·m, alpha²·v + sigma²)."""

    def __init__(self, mean: list[float], variance: list[float]) -> None:
        self.mean = torch.tensor(mean, dtype=torch.float64)
        self.variance = torch.tensor(variance, dtype=torch.float64)

    def spread(self, level: NoiseLevel) -> Tensor:
        """Variance of the state."""
        return level.alpha**2 * self.variance + level.sigma**2

    def denoise(self, x: Tensor, level: NoiseLevel) -> Tensor:
        """E[x0 | x] by regression: cov(x0, x)/var(x)."""
        gain = level.alpha * self.variance / self.spread(level)
        return (self.mean + gain * (x - level.alpha * self.mean)).to(x)

    def carry(self, x: Tensor, here: NoiseLevel, there: NoiseLevel) -> Tensor:
        """Where the exact flow takes the state: standard scores are kept."""
        score = (x - here.alpha * self.mean) / self.spread(here).sqrt()
        return there.alpha * self.mean + self.spread(there).sqrt() * score


def no_noise() -> Tensor:
    """A draw that a deterministic sampler must not ask for."""
    raise AssertionError("a deterministic sampler drew noise")
