"""The Euler–Maruyama method on the reverse diffusion."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor


def euler_maruyama(
    denoise: Callable, x: Tensor, levels: list, steps: range, draw: Callable
) -> Tensor:
    """The reverse diffusion as it is written (Song et al., arXiv 2011.13456).

    With r = sigma/alpha, y = x/alpha and the score s = (D − y)/r², a step is
    y' = y + (r² − r'²)·s + √(r² − r'²)·z with fresh noise z.
    """
    for step in steps:
        (alpha, sigma), (next_alpha, next_sigma) = levels[step : step + 2]
        clean = denoise(x, levels[step], step)
        if next_sigma == 0:
            x = clean
        elif alpha == 0:
            x = next_alpha * clean + next_sigma * draw()
        else:
            ratio, next_ratio = sigma / alpha, next_sigma / next_alpha
            kept = (next_ratio / ratio) ** 2
            y = kept * x / alpha + (1 - kept) * clean
            x = next_alpha * (y + math.sqrt(ratio**2 - next_ratio**2) * draw())
    return x
