"""The Metropolis-adjusted Langevin algorithm."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

from graph.export.pieces.conventions import Level
from graph.export.pieces.lengths import inner, uniform


def mala(
    denoise: Callable,
    x: Tensor,
    level: Level,
    step: int,
    draw: Callable,
    seen: dict,
    rounds: int,
    size: float,
) -> Tensor:
    """Steps of Langevin at one level, of which those are refused that would make the law wrong.

    A sample takes x' = x + h·s + √(2h)·z, h = size·sigma², with the probability
    min(1, π(x')·q(x | x')/(π(x)·q(x' | x))) where log q(x' | x) = −‖x' − x − h·s(x)‖²/(4h)
    (Roberts and Tweedie, Bernoulli 2, 1996; Du et al., arXiv 2302.11552). A clean state stays.
    """
    alpha, sigma = level
    if sigma == 0:
        return x

    def looked(x: Tensor) -> tuple[Tensor, Tensor]:
        return size * (alpha * denoise(x, level, step) - x), seen["log_density"]

    spread = sigma * math.sqrt(2 * size)
    drift, density = looked(x)
    for _ in range(rounds):
        moved = x + drift + spread * draw()
        back, there = looked(moved)
        forth, home = moved - x - drift, x - moved - back
        chance = there - density + (inner(forth, forth) - inner(home, home)) / (2 * spread**2)
        accepted = uniform(draw()).log() < chance
        x, drift = moved.where(accepted, x), back.where(accepted, drift)
        density = there.where(accepted, density)
    return x
