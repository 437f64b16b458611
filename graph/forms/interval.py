"""Guidance in an interval of noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from graph.interfaces import Fused, GuidanceForm
from graph.levels import NoiseLevel

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class Interval(GuidanceForm):
    """Guides between two noises alone; outside of them experts are followed as they were trained.

    D' = D̂ for from_noise ≥ noise > to_noise, else P (Kynkäänniemi et al., arXiv 2404.07724,
    equation 5). At much noise guidance takes the variety out of pictures, at little it costs only.
    """

    name: Literal["interval"] = "interval"
    from_noise: float = Field(
        default=0.8, ge=0.0, le=1.0, description="Guidance starts at this noise; 1 is pure noise."
    )
    to_noise: float = Field(
        default=0.2, ge=0.0, le=1.0, description="Guidance stops at this noise; 0 is clean."
    )

    def __call__(
        self,
        x: Float[Tensor, "b *d"],
        level: NoiseLevel,
        guided: Fused,
        plain: Fused,
        memory: Any,
        gain: float,
    ) -> Fused:
        """One of the two as it is."""
        return guided if self.to_noise < level.noise <= self.from_noise else plain
