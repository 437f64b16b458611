"""The noise schedule of EDM."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from graph.interfaces import NoiseSchedule
from graph.levels import CLEAN, NoiseLevel


class Karras(NoiseSchedule):
    """Spends most steps at low noise, where detail forms; a safe choice for every model.

    The ratio sigma/alpha falls evenly in its 1/rho-th power from `ratio_max` to `ratio_min`, then
    to clean (Karras et al., arXiv 2206.00364, equation 5).
    """

    name: Literal["karras"] = "karras"
    rho: float = Field(
        default=7.0, ge=1.0, le=20.0, description="Higher moves steps towards low noise."
    )
    ratio_max: float = Field(
        default=80.0, ge=1.0, le=1e5, description="Noise-to-picture ratio of the start."
    )
    ratio_min: float = Field(
        default=0.002, ge=1e-5, le=0.5, description="Ratio of the last step before clean."
    )

    def levels(self, steps: int) -> tuple[NoiseLevel, ...]:
        """`steps` ratios from ratio_max to ratio_min, then clean."""
        high, low = self.ratio_max ** (1.0 / self.rho), self.ratio_min ** (1.0 / self.rho)
        shares = (index / max(steps - 1, 1) for index in range(steps))
        ratios = ((high + share * (low - high)) ** self.rho for share in shares)
        return (*map(NoiseLevel.from_ratio, ratios), CLEAN)
