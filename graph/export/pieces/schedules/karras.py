"""The noise schedule of EDM."""

from __future__ import annotations

import math


def karras(steps: int, rho: float, ratio_max: float, ratio_min: float) -> list[tuple[float, float]]:
    """Levels (alpha, sigma) whose sigma/alpha falls evenly in its 1/rho-th power, then clean.

    Karras et al., arXiv 2206.00364, equation 5.
    """
    high, low = ratio_max ** (1 / rho), ratio_min ** (1 / rho)
    shares = [index / max(steps - 1, 1) for index in range(steps)]
    ratios = [(high + share * (low - high)) ** rho for share in shares]
    return [(1 / math.hypot(1, r), r / math.hypot(1, r)) for r in ratios] + [(1.0, 0.0)]
