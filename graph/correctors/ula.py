"""The unadjusted Langevin algorithm."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from graph.interfaces import Corrected, Corrector, Seen, Step
from graph.levels import NoiseLevel

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class Ula(Corrector):
    """Stirs the state at every level by steps of Langevin: uphill a little, and noise on top.

    x' = x + h·s + √(2h)·z with the score s = (alpha·D − x)/sigma² of the state and h = size·sigma²,
    that is x' = x + size·(alpha·D − x) + sigma·√(2·size)·z (Du et al., arXiv 2302.11552). On a
    Gaussian of precision A the steps settle at the variance (1/A)/(1 − h·A/2) instead of 1/A: the
    smaller the step, the smaller this bias. Nothing is accepted or refused.
    """

    name: Literal["ula"] = "ula"
    rounds: int = Field(default=2, ge=1, le=100, description="Steps at every level, a call each.")
    size: float = Field(
        default=0.1,
        ge=0.001,
        le=1.0,
        description="h as a part of sigma²: larger stirs more, and errs more.",
    )

    @property
    def calls_per_step(self) -> int:
        """One a round."""
        return self.rounds

    def __call__(
        self,
        memory: Any,
        seen: Seen,
        step: Step,
        ask: Callable[[Float[Tensor, "b *d"], NoiseLevel], Seen],
        draw: Callable[[], Float[Tensor, "b *d"]],
    ) -> Corrected:
        """Stir `rounds` times; a clean state stays, and is not asked about."""
        x, level = step.x, step.level
        if level.sigma == 0.0:
            return Corrected(x)
        spread = level.sigma * math.sqrt(2.0 * self.size)
        for _ in range(self.rounds):
            x = x + self.size * (level.alpha * ask(x, level).denoised - x) + spread * draw()
        return Corrected(x)
