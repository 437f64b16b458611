"""SuperDiff AND: every sample is as likely to one expert as to the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from graph.background import as_tensors, fill, mix, portions, presence, reference, wide
from graph.interfaces import Coming, Estimate, Fused, FusionRule
from graph.levels import NoiseLevel

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

EPSILON = {4: 1.2e-7, 8: 2.3e-16}
"""The rounding of numbers of so many bytes."""


class SuperdiffAnd(FusionRule):
    """All experts at once: no step makes the picture likelier to one of them than to another.

    D̂ = R + Σ κᵢ·(Dᵢ − R), with Σ κᵢ = 1 and κ such that log qᵢ, the density that expert i gives
    the state, changes alike for all of them in the coming step, its noise included
    (Skreta et al., arXiv 2412.17762, AND). In y = x/alpha and with r = sigma/alpha, a step to r'
    adds (r² − r'²)·s + n to y and ⟨sᵢ, y' − y⟩ − ½·(r² − r'²)·‖sᵢ‖² to log qᵢ. With Fᵢ = Dᵢ − M,
    M the experts' mean, the changes are equal for κᵢ = 1/k + κ'ᵢ where

        Σⱼ ⟨Fᵢ, Fⱼ⟩·κ'ⱼ = ½·(‖Fᵢ‖² − mean ‖F‖²) − r²/(r² − r'²)·⟨Fᵢ, n⟩,   Σ κ' = 0.

    R cancels; it is what the terms are measured against. A weight says whether an expert takes
    part in a sample, above zero, and no more: how much is what κ is. At pure noise, where nothing
    is known, and where no step comes, κ is even.
    """

    name: Literal["superdiff_and"] = "superdiff_and"
    signed: ClassVar[bool] = False
    diffusing: ClassVar[bool] = True

    def foresee(
        self,
        level: NoiseLevel,
        estimates: Sequence[Estimate],
        weights: Sequence[Tensor | float],
        coming: Coming,
    ) -> Sequence[Tensor | float]:
        """κ for every sample, [b, 1, …] each; zero for who takes no part."""
        denoised = [each.denoised for each in estimates]
        like = denoised[0]
        faders = [weight.clamp_min(0.0) for weight in as_tensors(weights, like)]
        present = presence(faders, like)
        even = portions(present)
        falls = 1.0 - (coming.level.ratio / level.ratio) ** 2
        if level.alpha == 0.0 or falls == 0.0 or len(denoised) == 1:
            return even
        change = _evened(denoised, coming.noise() / falls, present)
        return [part + more for part, more in zip(even, change, strict=True)]

    def __call__(
        self,
        x: Float[Tensor, "b *d"],
        level: NoiseLevel,
        estimates: Sequence[Estimate],
        weights: Sequence[Tensor | float],
        shares: Sequence[float],
        background: Float[Tensor, "b *d"] | None,
    ) -> Fused:
        """Fuse by the κ that `foresee` gave; the base is R, without any the experts' mean."""
        faders = as_tensors(weights, x)
        present = presence(faders, x)
        denoised = [estimate.denoised for estimate in estimates]
        base = reference(estimates, shares, present, background)
        if base is None:
            base = mix(denoised, [1.0] * len(denoised), present)
        parts = zip(portions(faders), denoised, strict=True)
        return Fused(base, fill([part * (d - base) for part, d in parts], x))


def _evened(
    denoised: Sequence[Tensor], noise: Tensor, present: Sequence[Tensor]
) -> Sequence[Tensor]:
    """κ' for every sample, [b, 1, …] each, summing to zero over those that are present.

    Where estimates depend on one another many κ' do, and the shortest is taken. Where they differ
    by no more than their rounding none means anything: a ridge on the equations keeps κ' small.
    """
    like, clean = denoised[0], list(map(wide, denoised))
    mean = mix(clean, [1.0] * len(clean), list(map(wide, present)))
    apart = fill([p * (d - mean) for p, d in zip(present, clean, strict=True)], clean[0])
    rows = apart.flatten(2).transpose(0, 1)
    there = wide(fill(present, present[0])).flatten(1).T
    gram = rows @ rows.mT
    lengths = gram.diagonal(dim1=1, dim2=2)
    count = there.sum(1, keepdim=True).clamp_min(1.0)
    surplus = 0.5 * (lengths - there * lengths.sum(1, keepdim=True) / count)
    surplus = surplus - (rows @ wide(noise).flatten(1).unsqueeze(2)).squeeze(2)
    seen = (16 * EPSILON[like.element_size()]) ** 2 * mean.square().flatten(1).sum(1)
    whole = gram + (seen.unsqueeze(1) * there).diag_embed()
    # what is no number is named after the step; here it would end in an error of the solver
    inverse = whole.nan_to_num().pinverse(4096 * EPSILON[gram.element_size()])
    change = (inverse @ surplus.unsqueeze(2)).squeeze(2)
    change = change - there * change.sum(1, keepdim=True) / count
    return [each.reshape(-1, *(1,) * (like.ndim - 1)).to(like) for each in change.T]
