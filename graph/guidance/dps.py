"""Diffusion posterior sampling."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from graph.following import through_experts
from graph.interfaces import Aim, GuidanceMethod
from graph.levels import NoiseLevel

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

LEAST = 1e-12


class Dps(GuidanceMethod):
    """Takes the gradient of the estimate's distance from the target, through the experts.

    change = sigma²/alpha·∇ₓ log p(y | D(x)) / √(−2·log p), which is −∇ₓ‖y − D(x)‖ over the
    deviation where p is normal: its length does not depend on how far off the estimate is (DPS,
    arXiv 2209.14687, with the step in D instead of in the next state). Unless `scaled` it is the
    gradient of log p itself.
    """

    name: Literal["dps"] = "dps"
    through: ClassVar[bool] = True
    scaled: bool = Field(default=True, description="Divide by the distance from the target.")

    def change(
        self,
        x: Float[Tensor, "b *d"],
        level: NoiseLevel,
        clean: Float[Tensor, "b *d"],
        aim: Aim,
        draw: Callable[[], Float[Tensor, "b *d"]],
    ) -> Float[Tensor, "b *d"]:
        """One backward pass through the model and the experts."""
        values = aim.log_density(clean)
        found = through_experts(aim, values, x, clean, level)
        if not self.scaled:
            return found
        distance = (-2.0 * values).clamp_min(LEAST).sqrt()
        return found / distance.reshape(-1, *(1,) * (x.ndim - 1))
