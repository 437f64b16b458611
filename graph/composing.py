"""A composition Π pⱼ^kⱼ, taken apart by the very rule that composed it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graph.background import wide
from graph.interfaces import Estimate, FusionRule, Part
from graph.levels import NoiseLevel

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Composition:
    """What a rule that multiplies was given at a state: densities in the places of estimates.

    `parts` holds for each expert its density and its null's, where it has one.
    """

    rule: FusionRule
    level: NoiseLevel
    parts: Sequence[tuple[Part, Part | None]]
    weights: Sequence[Tensor | float]
    shares: Sequence[float]
    background: Part | None

    def weighed(self, value: Callable[[Part], Tensor]) -> Tensor:
        """Σ kⱼ·value(pⱼ), [b, 1, …].

        The rule is linear in its estimates, D̂ = Σ kⱼ·Dⱼ + (1 − Σ kⱼ)·x/alpha. Given other numbers
        in the place of the estimates, and zero for x, it weighs these by the same factors: they are
        written down nowhere else.
        """
        estimates = [
            Estimate(wide(value(part)), None if null is None else wide(value(null)))
            for part, null in self.parts
        ]
        background = None if self.background is None else wide(value(self.background))
        zero = estimates[0].denoised * 0.0
        fused = self.rule(zero, self.level, estimates, self.weights, self.shares, background)
        return fused.denoised
