"""Training-free guidance in one family."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from graph.export.pieces.conventions import Level
from graph.export.pieces.following import climbed, through_experts


def tfg(
    x: Tensor,
    level: Level,
    clean: Tensor,
    likely: Callable,
    draw: Callable,
    rho: float,
    mu: float,
    steps: int,
    smoothing: float,
    draws: int,
) -> Tensor:
    """rho·sigma²/alpha·∇ₓ log E p(y | D(x) + δ), and steps of mu·sigma²·∇ log E p up from D.

    E is the mean over δ ~ N(0, (smoothing·sigma)²) (TFG, arXiv 2409.15761), without recurrence.
    """
    spread = smoothing * level[1]
    drawn = [spread * draw() for _ in range(draws)] if spread else [0]

    def smooth(seen: Tensor) -> Tensor:
        """log of the mean of p, but for a constant."""
        values = likely(seen + drawn[0], level)
        for each in drawn[1:]:
            values = values.logaddexp(likely(seen + each, level))
        return values

    forward = through_experts(smooth(clean), x, clean, level)
    return rho * forward + climbed(smooth, clean, level, steps, mu)
