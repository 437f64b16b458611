"""Heun's method on the probability-flow ODE."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def heun(denoise: Callable, x: Tensor, levels: list, steps: range) -> Tensor:
    """Heun's method in the time t = sigma/(alpha + sigma) (cf. Karras et al., arXiv 2206.00364).

    After Euler's step, with the estimate D' made there, the trapezoid rule adds
    ½·(alpha' + sigma')·(t/t' − 1)·(D' − D). The step into clean stays Euler's.
    """
    for step in steps:
        (alpha, sigma), (next_alpha, next_sigma) = levels[step : step + 2]
        clean = denoise(x, levels[step], 2 * step)
        noise = (x - alpha * clean) / sigma
        x = next_alpha * clean + next_sigma * noise
        if next_sigma > 0:
            time, next_time = sigma / (alpha + sigma), next_sigma / (next_alpha + next_sigma)
            gain = 0.5 * (next_alpha + next_sigma) * (time / next_time - 1)
            x = x + gain * (denoise(x, levels[step + 1], 2 * step + 1) - clean)
    return x
