"""The Metropolis-adjusted Langevin algorithm."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from graph.background import inner, uniform
from graph.interfaces import Corrected, Corrector, Part, Seen, Step
from graph.levels import NoiseLevel

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class Mala(Corrector):
    """Stirs as `ula` does, and refuses the steps that would make the law wrong: no bias.

    A sample takes its proposal x' = x + h·s + √(2h)·z, h = size·sigma², with the probability
    min(1, π(x')·q(x | x')/(π(x)·q(x' | x))) where log q(x' | x) = −‖x' − x − h·s(x)‖²/(4h) and
    π = Π pⱼ^kⱼ is the density of the composition at this level (Roberts and Tweedie, Bernoulli 2,
    1996; for diffusion models Du et al., arXiv 2302.11552). Every sample decides for itself.

    π has to be known: experts that are formulas know it. A network knows the score alone, and an
    integral of that along the way is not the same from every side: nothing is estimated here.
    """

    name: Literal["mala"] = "mala"
    rounds: int = Field(default=2, ge=1, le=100, description="Steps at every level, a call each.")
    size: float = Field(
        default=0.2,
        ge=0.001,
        le=1.0,
        description="h as a part of sigma²: larger stirs more, and is refused more often.",
    )
    needs: ClassVar[Literal["scores", "parts", "densities"]] = "densities"

    @property
    def calls_per_step(self) -> int:
        """One a round, and one to begin with."""
        return self.rounds + 1

    def __call__(
        self,
        memory: Any,
        seen: Seen,
        step: Step,
        ask: Callable[[Float[Tensor, "b *d"], NoiseLevel], Seen],
        draw: Callable[[], Float[Tensor, "b *d"]],
    ) -> Corrected:
        """Propose `rounds` times; a clean state stays, and is not asked about."""
        x, level = step.x, step.level
        if level.sigma == 0.0:
            return Corrected(x)
        spread = level.sigma * math.sqrt(2.0 * self.size)
        drift, density = self._at(ask(x, level))
        taken = 0.0
        for _ in range(self.rounds):
            moved = x + drift + spread * draw()
            back, there = self._at(ask(moved, level))
            forth, home = moved - x - drift, x - moved - back
            # 4h is 2·spread²
            chance = there - density + (inner(forth, forth) - inner(home, home)) / (2 * spread**2)
            accepted = uniform(draw()).log() < chance
            x, drift = moved.where(accepted, x), back.where(accepted, drift)
            density = there.where(accepted, density)
            taken += float(accepted.to(density).mean())
        return Corrected(x, readings={"acceptance": taken / self.rounds})

    def _at(self, seen: Seen) -> tuple[Tensor, Tensor]:
        """h·s, and log π up to a constant, [b, 1, …]."""
        x, level = seen.x, seen.level
        return self.size * (level.alpha * seen.denoised - x), seen.weighed(_log_density)


def _log_density(part: Part) -> Tensor:
    known = part.log_density()
    if known is None:
        raise TypeError("MALA was given an expert that does not know its density")
    return known
