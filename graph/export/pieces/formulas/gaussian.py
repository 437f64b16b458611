"""An expert for a Gaussian picture of the world."""

from __future__ import annotations

from torch import Tensor

from graph.export.pieces.conventions import Level


class Gaussian:
    """Knows that every number of a clean sample is Gaussian.

    E[x0 | x] = m + alpha·v/(alpha²·v + sigma²)·(x − alpha·m) with mean m and variance v.
    """

    def __init__(self, mean: float, variance: float) -> None:
        self.mean, self.variance = mean, variance

    def __call__(self, x: Tensor, level: Level) -> Tensor:
        """D(x)."""
        alpha, sigma = level
        gain = alpha * self.variance / (alpha**2 * self.variance + sigma**2)
        return self.mean + gain * (x - alpha * self.mean)

    def log_density(self, x: Tensor, level: Level) -> Tensor:
        """log N(x; alpha·m, alpha²·v + sigma²) but for a constant, [b, 1, …]."""
        alpha, sigma = level
        logs = (x.double() - alpha * self.mean) ** 2 / (alpha**2 * self.variance + sigma**2)
        return -0.5 * logs.flatten(1).sum(1).reshape(-1, *(1,) * (x.ndim - 1))
