"""Noise levels: how much of the state is picture and how much is noise."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NoiseLevel:
    """The pair (alpha, sigma) of x = alpha·x0 + sigma·noise, with alpha² + sigma² = 1.

    Pure noise is (0, 1) and clean data (1, 0); both are finite states for VP, VE and flow models.
    """

    alpha: float
    sigma: float

    @classmethod
    def from_ratio(cls, ratio: float) -> NoiseLevel:
        """The level whose sigma/alpha is `ratio` (the sigma of a variance-exploding model)."""
        if math.isinf(ratio):
            return PURE_NOISE
        scale = math.hypot(1.0, ratio)
        return cls(1.0 / scale, ratio / scale)

    @classmethod
    def from_log_snr(cls, log_snr: float) -> NoiseLevel:
        """The level with log(alpha²/sigma²) = `log_snr`."""
        if log_snr == math.inf:
            return CLEAN
        return cls.from_ratio(math.exp(-0.5 * log_snr))

    @classmethod
    def from_flow_time(cls, time: float) -> NoiseLevel:
        """The level at which a flow model mixes (1 − time)·x0 + time·noise, time in [0, 1]."""
        length = math.hypot(1.0 - time, time)
        return cls((1.0 - time) / length, time / length)

    @classmethod
    def from_noise(cls, noise: float) -> NoiseLevel:
        """The level at `noise` in [0, 1]: 1 is pure noise, 0 is clean, even in angle between."""
        if noise >= 1.0:
            return PURE_NOISE
        return cls(math.cos(0.5 * math.pi * noise), math.sin(0.5 * math.pi * noise))

    @property
    def ratio(self) -> float:
        """sigma/alpha; infinite at pure noise."""
        return self.sigma / self.alpha if self.alpha > 0.0 else math.inf

    @property
    def log_snr(self) -> float:
        """log(alpha²/sigma²); infinite at both ends."""
        if self.sigma == 0.0:
            return math.inf
        return 2.0 * math.log(self.alpha / self.sigma) if self.alpha > 0.0 else -math.inf

    @property
    def flow_time(self) -> float:
        """sigma/(alpha + sigma), the time of flow models: 1 at pure noise, 0 at clean."""
        return self.sigma / (self.alpha + self.sigma)

    @property
    def noise(self) -> float:
        """The angle atan2(sigma, alpha) as a share of a right angle: the axis of curves, 1 to 0."""
        return math.atan2(self.sigma, self.alpha) / (0.5 * math.pi)


CLEAN = NoiseLevel(1.0, 0.0)
PURE_NOISE = NoiseLevel(0.0, 1.0)


def clipped(span: tuple[float, float], turn: tuple[float, float]) -> tuple[float, float]:
    """What two ranges of noise, each from high to low, have in common; none if it rises."""
    return min(span[0], turn[0]), max(span[1], turn[1])
