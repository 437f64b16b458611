"""An expert for a Gaussian picture of the world."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from graph.background import wide
from graph.interfaces import Expert
from graph.levels import NoiseLevel

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

Values = float | Sequence["Values"]


@dataclass(frozen=True)
class Gaussian(Expert):
    """Knows that clean samples are Gaussian: exact, instant, and good for trying things out.

    E[x0 | x] = m + alpha·v/(alpha²·v + sigma²)·(x − alpha·m), with `mean` m and `variance` v > 0
    (not a deviation) that broadcast to `shape`. A condition is a number, or values that broadcast
    to `shape`, by which the mean is shifted. With `has_null` the null condition is the Gaussian of
    `null_mean` and `null_variance`; without it, no condition is no shift.
    """

    shape: tuple[int, ...]
    mean: Values = 0.0
    variance: Values = 1.0
    has_null: bool = False
    null_mean: Values = 0.0
    null_variance: Values = 1.0

    def encode(self, value: Values | None) -> Tensor | None:
        """The shift as a float64 tensor of `shape`; None for the null condition."""
        if value is None:
            return None
        return torch.as_tensor(value, dtype=torch.float64).expand(self.shape)

    def denoise(
        self, x: Float[Tensor, "n *d"], level: NoiseLevel, conditions: Sequence[Any]
    ) -> Float[Tensor, "n *d"]:
        """The exact posterior mean of every sample."""
        return posterior_mean(x, level, *self._asked(x, conditions))

    def log_density(
        self, x: Float[Tensor, "n *d"], level: NoiseLevel, conditions: Sequence[Any]
    ) -> Float[Tensor, "n"]:
        """log N(x; alpha·m, alpha²·v + sigma²) over all dimensions of every sample."""
        x = wide(x)
        mean, variance = self._asked(x, conditions)
        spread = level.alpha**2 * variance + level.sigma**2
        logs = (x - level.alpha * mean) ** 2 / spread + (2.0 * math.pi * spread).log()
        return -0.5 * logs.flatten(1).sum(1)

    def _asked(self, x: Tensor, conditions: Sequence[Any]) -> tuple[Tensor, Tensor]:
        """Means and variances, [n, *d]."""
        asked = [self._moments(condition, x) for condition in conditions]
        return torch.stack([mean for mean, _ in asked]), torch.stack([each for _, each in asked])

    def _moments(self, shift: Tensor | None, x: Tensor) -> tuple[Tensor, Tensor]:
        if shift is None and self.has_null:
            mean, variance = x.new_tensor(self.null_mean), x.new_tensor(self.null_variance)
        else:
            mean, variance = x.new_tensor(self.mean), x.new_tensor(self.variance)
            mean = mean if shift is None else mean + shift.to(x)
        return mean.expand(self.shape), variance.expand(self.shape)


def posterior_mean(x: Tensor, level: NoiseLevel, mean: Tensor, variance: Tensor) -> Tensor:
    """E[x0 | x] of a Gaussian with diagonal covariance; arguments broadcast."""
    alpha, sigma = level.alpha, level.sigma
    return mean + alpha * variance / (alpha**2 * variance + sigma**2) * (x - alpha * mean)
