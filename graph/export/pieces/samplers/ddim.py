"""Denoising diffusion implicit models."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor


def ddim(denoise: Callable, x: Tensor, levels: list, steps: range) -> Tensor:
    """DDIM (Song et al., arXiv 2010.02502): x' = alpha'·D + sigma'·(x − alpha·D)/sigma."""
    for step in steps:
        (alpha, sigma), (next_alpha, next_sigma) = levels[step : step + 2]
        clean = denoise(x, levels[step], step)
        noise = (x - alpha * clean) / sigma
        x = next_alpha * clean + next_sigma * noise
    return x


def ddim_with_fresh_noise(
    denoise: Callable, x: Tensor, levels: list, steps: range, draw: Callable, eta: float
) -> Tensor:
    """DDIM (Song et al., arXiv 2010.02502, equations 12 and 16).

    x' = alpha'·D + √(sigma'² − s²)·(x − alpha·D)/sigma + s·z with fresh noise z and
    s = eta·(sigma'/sigma)·√(1 − alpha²/alpha'²).
    """
    for step in steps:
        (alpha, sigma), (next_alpha, next_sigma) = levels[step : step + 2]
        clean = denoise(x, levels[step], step)
        noise = (x - alpha * clean) / sigma
        fresh = eta * next_sigma / sigma * math.sqrt(max(1 - (alpha / next_alpha) ** 2, 0))
        x = next_alpha * clean + math.sqrt(max(next_sigma**2 - fresh**2, 0)) * noise
        if fresh > 0:
            x = x + fresh * draw()
    return x
