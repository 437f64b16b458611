"""Multistep consistency sampling."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def consistency(denoise: Callable, x: Tensor, levels: list, steps: range, draw: Callable) -> Tensor:
    """Fresh noise over every answer: x' = alpha'·f(x) + sigma'·z (arXiv 2303.01469, alg. 1)."""
    for step in steps:
        next_alpha, next_sigma = levels[step + 1]
        x = next_alpha * denoise(x, levels[step], step)
        if next_sigma > 0:
            x = x + next_sigma * draw()
    return x
