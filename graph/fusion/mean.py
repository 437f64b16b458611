"""The weighted mean of experts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from graph.background import as_tensors, fill, mix, portions, presence, reference
from graph.interfaces import Estimate, Fused, FusionRule
from graph.levels import NoiseLevel

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class Mean(FusionRule):
    """A compromise between the experts: each counts by its weight, whatever the weights sum to.

    D̂ = Σ wᵢ·Dᵢ / Σ wᵢ, the fusion of MultiDiffusion (arXiv 2302.08113, equation 5) when the
    weights are maps. The terms (wᵢ/Σw)·(Dᵢ − R) are measured against the background R: the wired
    one, else the mix of the experts' nulls, else their unweighted mean. R cancels from D̂, except
    where the weights sum to zero: there it is painted. A mean has no NOT: weights below zero count
    as zero.
    """

    name: Literal["mean"] = "mean"
    signed: ClassVar[bool] = False
    multiplies: ClassVar[bool] = True

    def __call__(
        self,
        x: Float[Tensor, "b *d"],
        level: NoiseLevel,
        estimates: Sequence[Estimate],
        weights: Sequence[Tensor | float],
        shares: Sequence[float],
        background: Float[Tensor, "b *d"] | None,
    ) -> Fused:
        """Fuse; the base is R."""
        faders = [weight.clamp_min(0.0) for weight in as_tensors(weights, x)]
        present = presence(faders, x)
        denoised = [estimate.denoised for estimate in estimates]
        base = reference(estimates, shares, present, background)
        if base is None:
            base = mix(denoised, [1.0] * len(denoised), present)
        parts = zip(portions(faders), denoised, strict=True)
        return Fused(base, fill([part * (d - base) for part, d in parts], x))
