"""The product of experts over a background."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from graph.background import as_tensors, fill, mix, presence, reference
from graph.errors import ChoraleError, Diagnostic
from graph.interfaces import Estimate, Fused, FusionRule
from graph.levels import NoiseLevel

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class Product(FusionRule):
    """Every expert pulls away from a common background: the picture obeys all of them at once.

    D̂ = B + Σ wᵢ·(Dᵢ − Rᵢ). B is the wired background, else the mix Σ βᵢ·Nᵢ of the experts' own
    nulls, β the shares over the experts that are there; Rᵢ is B. That is Unite and Conquer
    (arXiv 2212.00793, equation 9): ε̂ = Σ wᵢ·εᵢ − (Σ wᵢ − 1)·Σ βᵢ·εᵢ(∅). One expert is
    classifier-free guidance.

    Without any background D̂ = x/alpha + Σ wᵢ·(Dᵢ − x/alpha), the plain sum of scores, which is
    Σ wᵢ·Dᵢ when the weights sum to one. If they do not, it has no finite value at pure noise, and
    F005 is raised there.
    """

    name: Literal["product"] = "product"
    reference: Literal["mix", "own"] = Field(
        default="mix",
        description="Measure every expert against the common background, or against its own null.",
    )
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
        """Fuse; the base is B, the terms are wᵢ·(Dᵢ − Rᵢ)."""
        faders = as_tensors(weights, x)
        present = presence(faders, x)
        base = reference(estimates, shares, present, background)
        if base is None:
            return _plain(x, level, [e.denoised for e in estimates], faders, present)
        against = [
            e.null if self.reference == "own" and e.null is not None else base for e in estimates
        ]
        terms = [w * (e.denoised - r) for w, e, r in zip(faders, estimates, against, strict=True)]
        return Fused(base, fill(terms, x))


def _plain(
    x: Tensor,
    level: NoiseLevel,
    denoised: Sequence[Tensor],
    weights: Sequence[Tensor],
    present: Sequence[Tensor],
) -> Fused:
    """The sum without background, measured against the experts' mean M instead of x/alpha.

    M + (1 − Σ wᵢ)·(x/alpha − M) + Σ wᵢ·(Dᵢ − M) is the same sum, and loses no digits to the size
    of x/alpha at high noise when the weights sum to one.
    """
    mean = mix(denoised, [1.0] * len(denoised), present)
    terms = fill([w * (d - mean) for w, d in zip(weights, denoised, strict=True)], x)
    lacking = 1.0 - reduce(add, weights)
    lacking = lacking * (lacking.abs() > 1e-6)  # rounding in the weights is not a lack
    if level.alpha > 0.0:
        return Fused(mean + lacking * (x / level.alpha - mean), terms)
    if bool((lacking != 0).any()):
        worst = 1.0 - float(lacking.flatten()[lacking.abs().argmax()])
        raise ChoraleError(
            Diagnostic(
                "F005",
                f"The weights sum to {worst:.3g} without a background: "
                "at pure noise such a sum has no finite estimate.",
                "Add a background, or let the weights sum to 1.",
            )
        )
    return Fused(mean, terms)
