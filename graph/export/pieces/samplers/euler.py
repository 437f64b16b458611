"""Euler's method on the probability-flow ODE."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def euler(denoise: Callable, x: Tensor, levels: list, steps: range) -> Tensor:
    """Euler's method (Karras et al., arXiv 2206.00364): x' = alpha'·D + sigma'·(x − alpha·D)/sigma.

    In r = sigma/alpha and y = x/alpha that is y' = y + (r' − r)·(y − D)/r.
    """
    for step in steps:
        (alpha, sigma), (next_alpha, next_sigma) = levels[step : step + 2]
        clean = denoise(x, levels[step], step)
        noise = (x - alpha * clean) / sigma
        x = next_alpha * clean + next_sigma * noise
    return x
