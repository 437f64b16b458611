"""The unadjusted Langevin algorithm."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

from graph.export.pieces.conventions import Level


def ula(
    denoise: Callable, x: Tensor, level: Level, step: int, draw: Callable, rounds: int, size: float
) -> Tensor:
    """Steps of Langevin at one level: uphill a little, and noise on top; a clean state stays.

    x' = x + h·s + √(2h)·z with the score s = (alpha·D − x)/sigma² and h = size·sigma² (Du et al.,
    arXiv 2302.11552).
    """
    alpha, sigma = level
    for _ in range(rounds if sigma > 0 else 0):
        noise = sigma * math.sqrt(2 * size) * draw()
        x = x + size * (alpha * denoise(x, level, step) - x) + noise
    return x
