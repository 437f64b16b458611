"""Adaptive projected guidance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from graph.background import inner
from graph.interfaces import Fused, GuidanceForm
from graph.levels import NoiseLevel

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Going:
    """Running sums: of what guidance adds, base and terms apart, and of the direction asked for."""

    base: Tensor
    terms: Tensor
    direction: Tensor


class Apg(GuidanceForm):
    """Guides beside the estimate instead of along it: strong guidance without burnt colours.

    D' = P + s·(E⊥ + eta·E∥), where E = D̂ − P is what guidance adds and E∥ its part along P, over a
    whole sample. For one expert P is D, E is (w − 1)·(D − N), and this is Sadat et al.,
    arXiv 2410.02416, algorithm 1. With momentum, E and the direction P − B stand for their running
    sums, E ← E + momentum·E of the state before. s = min(1, threshold/‖P − B‖). Lengths and angles
    are those of estimates D: they would be others in terms of velocity.
    """

    name: Literal["apg"] = "apg"
    eta: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        description="How much is kept of the part along the estimate, which makes colours burn; "
        "1 keeps all.",
    )
    threshold: float = Field(
        default=0.0,
        ge=0.0,
        le=1000.0,
        description="The longest that a direction may be, as a norm over the whole state; "
        "0 sets no bound.",
    )
    momentum: float = Field(
        default=0.0,
        gt=-1.0,
        lt=1.0,
        description="How much of the last step's direction is added; below 0 it is pushed off.",
    )

    def follow(
        self,
        memory: Going | None,
        x: Float[Tensor, "b *d"],
        level: NoiseLevel,
        guided: Fused,
        plain: Fused,
    ) -> Going:
        """The running sums up to here; they begin anew where experts have joined or left."""
        base, terms = guided.base - plain.base, guided.terms - plain.terms
        direction = plain.denoised - plain.base
        if memory is None or self.momentum == 0.0 or memory.terms.shape != terms.shape:
            return Going(base, terms, direction)
        return Going(
            base + self.momentum * memory.base,
            terms + self.momentum * memory.terms,
            direction + self.momentum * memory.direction,
        )

    def __call__(
        self,
        x: Float[Tensor, "b *d"],
        level: NoiseLevel,
        guided: Fused,
        plain: Fused,
        memory: Going,
        gain: float,
    ) -> Fused:
        """Turn and shorten what guidance adds to the base and to every term."""
        aim = plain.denoised
        length = inner(aim, aim)
        length = length + (length == 0)
        kept = self._kept(memory.direction)

        def turned(more: Tensor) -> Tensor:
            along = (inner(more, aim) / length).to(aim) * aim
            return kept * (more - (1.0 - self.eta) * along)

        terms = plain.terms.clone()
        for index, more in enumerate(memory.terms):
            terms[index] = plain.terms[index] + turned(more)
        return Fused(plain.base + turned(memory.base), terms)

    def _kept(self, direction: Tensor) -> Tensor | float:
        """s, [b, 1, …]."""
        if self.threshold == 0.0:
            return 1.0
        norm = inner(direction, direction).sqrt()
        return (self.threshold / (norm + (norm == 0))).clamp_max(1.0).to(direction)
