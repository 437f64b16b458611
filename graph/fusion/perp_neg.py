"""Perp-Neg: what is not wanted takes nothing from what is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, ClassVar, Literal

from graph.background import as_tensors, fill, ground, inner
from graph.interfaces import Estimate, Fused, FusionRule
from graph.levels import NoiseLevel

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class PerpNeg(FusionRule):
    """The product, in which a NOT takes away only what nobody asks for.

    With Δᵢ = Dᵢ − B and Δ₊ = Σ wᵢ·Δᵢ over the weights above zero, every weight below zero adds
    wⱼ·(Δⱼ − ⟨Δⱼ, Δ₊⟩/‖Δ₊‖²·Δ₊), the part of its direction that is perpendicular to Δ₊
    (Armandpour et al., arXiv 2304.04968, with Δ₊ for their one main prompt). Lengths and angles
    are those of a whole sample and of estimates D: they would be others in terms of velocity.
    Without a weight below zero this is the product; with nothing else it is NOT as it stands.
    """

    name: Literal["perp_neg"] = "perp_neg"
    needs_background: ClassVar[bool] = True

    def __call__(
        self,
        x: Float[Tensor, "b *d"],
        level: NoiseLevel,
        estimates: Sequence[Estimate],
        weights: Sequence[Tensor | float],
        shares: Sequence[float],
        background: Float[Tensor, "b *d"] | None,
    ) -> Fused:
        """Fuse; a map above zero here and below zero there counts in both parts."""
        faders = as_tensors(weights, x)
        on = ground(x, level, estimates, faders, shares, background)
        directions = [each.denoised - on.reference for each in estimates]
        pairs = list(zip(faders, directions, strict=True))
        wanted = [w.clamp_min(0.0) * direction for w, direction in pairs]
        unwanted = [w.clamp_max(0.0) * direction for w, direction in pairs]
        aim = reduce(add, wanted)
        terms = [w + _beside(u, aim) for w, u in zip(wanted, unwanted, strict=True)]
        return Fused(on.base, fill(terms, x))


def _beside(direction: Tensor, aim: Tensor) -> Tensor:
    """The part of a direction that is perpendicular to the aim; all of it where there is none."""
    length = inner(aim, aim)
    along = inner(direction, aim) / (length + (length == 0))
    return direction - along.to(aim) * aim
