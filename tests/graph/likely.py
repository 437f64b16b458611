"""A likelihood that is a formula: y is the picture with Gaussian noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from graph.guidance.estimate import Estimate
from graph.interfaces import GuidanceMethod, Likelihood
from graph.levels import CLEAN, NoiseLevel
from graph.plan import Value
from graph.reliability import Reliability
from graph.scores import Encoded, Guided, Score
from tests.graph.pieces import LIKE, SHAPE, no_picture, reliability, switch


class Normal(Likelihood):
    """log p(y | picture) = −½‖y − picture‖²/variance; counts what it is asked to read."""

    networks = ("Normal",)

    def __init__(self, variance: float = 0.5) -> None:
        self.variance = variance
        self.calls: list[int] = []

    @classmethod
    def load(cls, companion: Any, machine: Any) -> Normal:
        """There is no folder of it."""
        raise NotImplementedError

    def encode(self, value: float) -> Tensor:
        """The same number everywhere."""
        return torch.full(SHAPE, value, dtype=torch.float64)

    def read(self, pictures: Tensor, level: NoiseLevel = CLEAN) -> Tensor:
        """The picture itself, whatever the level."""
        self.calls.append(len(pictures))
        return pictures

    def log_density(self, answer: Tensor, targets: Sequence[Tensor]) -> Tensor:
        """Of every sample, without the constant."""
        off = torch.stack(list(targets)).to(answer) - answer
        return -0.5 * off.square().flatten(1).sum(1) / self.variance

    def divergence(self, answer: Tensor, teacher: Tensor) -> Tensor:
        """Their squared distance."""
        return (answer - teacher).square().flatten(1).sum(1)


def guided(
    name: str,
    score: Score,
    likelihood: Likelihood | None = None,
    *,
    target: float = 1.5,
    method: GuidanceMethod | None = None,
    scale: float = 1.0,
    factors: Sequence[Value] = (),
    noise_range: tuple[float, float] = (1.0, 0.0),
    network: str | None = None,
) -> Guided:
    """A score under guidance with all its controls."""
    likelihood = likelihood or Normal()
    return Guided(
        node=name,
        score=score,
        network=network or name,
        likelihood=likelihood,
        method=method or Estimate(),
        target=Encoded(str(target), (likelihood.encode(target),)),
        scale=scale,
        reliability=Reliability((reliability(name), *factors), SHAPE, no_picture, LIKE),
        muted=switch(name, "muted"),
        solo=switch(name, "solo"),
        noise_range=noise_range,
    )


def spread(level: NoiseLevel, variance: float) -> float:
    """The variance of x0 given x where x0 has this variance: by regression."""
    return variance * level.sigma**2 / (level.alpha**2 * variance + level.sigma**2)


def posterior(mean: float, variance: float, y: float, noise: float) -> tuple[float, float]:
    """Mean and variance of x0 given y = x0 + noise, by adding precisions."""
    precision = 1.0 / variance + 1.0 / noise
    return (mean / variance + y / noise) / precision, 1.0 / precision
