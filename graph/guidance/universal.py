"""Universal guidance."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from graph.following import climbed, through_experts
from graph.interfaces import Aim, GuidanceMethod
from graph.levels import NoiseLevel

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class Universal(GuidanceMethod):
    """Takes the gradient through the experts, and then climbs from the estimate by itself.

    change = sigma²/alpha·∇ₓ log p(y | D(x)) + Δ: forward guidance, and backward guidance Δ of some
    steps D ← D + rate·sigma²·∇ log p(y | D) (Bansal et al., arXiv 2302.07121). Its self-recurrence
    belongs to samplers and is left out.
    """

    name: Literal["universal"] = "universal"
    through: ClassVar[bool] = True
    steps: int = Field(default=2, ge=0, le=20, description="Steps of backward guidance.")
    rate: float = Field(default=0.5, ge=0.0, le=10.0, description="Length of each of them.")

    def change(
        self,
        x: Float[Tensor, "b *d"],
        level: NoiseLevel,
        clean: Float[Tensor, "b *d"],
        aim: Aim,
        draw: Callable[[], Float[Tensor, "b *d"]],
    ) -> Float[Tensor, "b *d"]:
        """One backward pass through model and experts, and one through the model for each step."""
        forward = through_experts(aim, aim.log_density(clean), x, clean, level)
        return forward + climbed(aim, aim.log_density, clean, level, self.steps, self.rate)
