"""Guidance in an interval of noise."""

from __future__ import annotations

import math

from torch import Tensor


def interval(
    level: tuple[float, float],
    guided: Tensor,
    plain: Tensor,
    from_noise: float,
    to_noise: float,
) -> Tensor:
    """Guidance between two noises alone (Kynkäänniemi et al., arXiv 2404.07724, equation 5).

    Noise is the angle of the level, atan2(sigma, alpha), as a part of a right angle.
    """
    noise = math.atan2(level[1], level[0]) / (0.5 * math.pi)
    return guided if to_noise < noise <= from_noise else plain
