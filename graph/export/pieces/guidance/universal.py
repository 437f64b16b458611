"""Universal guidance."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from graph.export.pieces.conventions import Level
from graph.export.pieces.following import climbed, through_experts


def universal(
    x: Tensor, level: Level, clean: Tensor, likely: Callable, steps: int, rate: float
) -> Tensor:
    """sigma²/alpha·∇ₓ log p(y | D(x)), and some steps of rate·sigma²·∇ log p up from D.

    Forward and backward guidance (Bansal et al., arXiv 2302.07121), without recurrence.
    """
    forward = through_experts(likely(clean, level), x, clean, level)
    return forward + climbed(lambda here: likely(here, level), clean, level, steps, rate)
