"""The ancestral sampler in Euler's form."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor


def euler_ancestral(
    denoise: Callable, x: Tensor, levels: list, steps: range, draw: Callable, eta: float
) -> Tensor:
    """Euler a (k-diffusion; Ho et al., arXiv 2006.11239, at eta = 1).

    With r = sigma/alpha, y' = D + √(r'² − up²)·n + up·z: n = (y − D)/r is the noise that is there,
    z fresh noise, up = eta·r'·√(1 − r'²/r²).
    """
    for step in steps:
        (alpha, sigma), (next_alpha, next_sigma) = levels[step : step + 2]
        clean = denoise(x, levels[step], step)
        noise = (x - alpha * clean) / sigma
        ratio = sigma / alpha if alpha > 0 else math.inf
        next_ratio = next_sigma / next_alpha
        up = eta * next_ratio * math.sqrt(1 - (next_ratio / ratio) ** 2)
        x = next_alpha * (clean + math.sqrt(next_ratio**2 - up**2) * noise)
        if up > 0:
            x = x + next_alpha * up * draw()
    return x
