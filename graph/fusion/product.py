"""The product of experts over a background."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from graph.background import as_tensors, fill, ground
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
    classifier-free guidance. Where all experts share one null it is the AND of composable diffusion
    (arXiv 2206.01714), and a weight below zero is its NOT.

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
    multiplies: ClassVar[bool] = True

    @property
    def compares_nulls(self) -> bool:
        """With the reference `own`."""
        return self.reference == "own"

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
        on = ground(x, level, estimates, faders, shares, background)
        against = [
            e.null if self.reference == "own" and e.null is not None else on.reference
            for e in estimates
        ]
        terms = [w * (e.denoised - r) for w, e, r in zip(faders, estimates, against, strict=True)]
        return Fused(on.base, fill(terms, x))
