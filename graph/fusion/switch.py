"""A switch by noise level: the experts take turns while the noise falls."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from graph.background import as_tensors, fill, ground
from graph.errors import ChoraleError, Diagnostic
from graph.interfaces import Estimate, Fused, FusionRule
from graph.levels import NoiseLevel

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

Boundary = Annotated[float, Field(gt=0.0, lt=1.0)]


class Switch(FusionRule):
    """One expert after the other, in the order wired: the first at the most noise.

    D̂ = B + wᵢ·(Dᵢ − B) of the expert i on turn, the experts of noise ranges of eDiff-I
    (Balaji et al., arXiv 2211.01324). B is the wired background, else that expert's own null, so
    that each is guided by itself. Expert i plays at noise in (bᵢ, bᵢ₋₁], with b₀ = 1 and bₖ = 0;
    who is not on turn is out of its range, and not asked.

    Of several at once, as they sound together nowhere in a run, it takes the product.
    """

    name: Literal["switch"] = "switch"
    boundaries: tuple[Boundary, ...] = Field(
        default=(),
        max_length=31,
        description="The noise at which the next expert takes over, falling; "
        "none for turns of equal length.",
    )
    needs_background: ClassVar[bool] = True

    @field_validator("boundaries")
    @classmethod
    def _falling(cls, boundaries: tuple[float, ...]) -> tuple[float, ...]:
        if any(later >= earlier for earlier, later in pairwise(boundaries)):
            raise ValueError("numbers that fall from one to the next")
        return boundaries

    def turns(self, count: int) -> Sequence[tuple[float, float]]:
        """A turn for each expert; ChoraleError F009 if the boundaries are for another number."""
        boundaries = self.boundaries or tuple(1.0 - i / count for i in range(1, count))
        if len(boundaries) != count - 1:
            raise ChoraleError(
                Diagnostic(
                    "F009",
                    f"A switch of {count} experts has one boundary fewer: expected {count - 1}, "
                    f"got {len(boundaries)}.",
                    "Name as many, or none for turns of equal length.",
                )
            )
        return list(pairwise((1.0, *boundaries, 0.0)))

    def __call__(
        self,
        x: Float[Tensor, "b *d"],
        level: NoiseLevel,
        estimates: Sequence[Estimate],
        weights: Sequence[Tensor | float],
        shares: Sequence[float],
        background: Float[Tensor, "b *d"] | None,
    ) -> Fused:
        """Fuse what is heard, which is one; the base is B."""
        faders = as_tensors(weights, x)
        on = ground(x, level, estimates, faders, shares, background)
        pairs = zip(faders, estimates, strict=True)
        return Fused(on.base, fill([w * (e.denoised - on.reference) for w, e in pairs], x))
