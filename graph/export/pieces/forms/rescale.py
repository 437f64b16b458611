"""Guidance that keeps the contrast of what is guided."""

from __future__ import annotations

from torch import Tensor


def rescale(x: Tensor, level: tuple[float, float], guided: Tensor, plain: Tensor) -> Tensor:
    """D' = D̂ + (1 − k)·(alpha·x − D̂) with k = std(v(P))/std(v(D̂)), v = (alpha·x − D)/sigma.

    Lin et al., arXiv 2305.08891, equations 15 and 16, over a whole sample.
    """
    middle = level[0] * x
    wide, narrow = deviation(middle - guided), deviation(middle - plain)
    flat = wide == 0
    kept = narrow / (wide + flat) * ~flat + flat
    return guided + (1 - kept) * (middle - guided)


def deviation(values: Tensor) -> Tensor:
    """The standard deviation of every sample, [b, 1, …]."""
    ones = (1,) * (values.ndim - 1)
    return values.flatten(1).std(1, correction=0).reshape(-1, *ones)
