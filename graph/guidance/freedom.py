"""FreeDoM: training-free energy guidance."""

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


class Freedom(GuidanceMethod):
    """Takes a step of settled length along the gradient, through the experts.

    change = rho·sigma·√d·g/‖g‖ with g = ∇ₓ log p(y | D(x)) of a sample of d numbers (FreeDoM, arXiv
    2303.09833). The paper measures its steps by what a condition changes; here the measure is
    sigma·√d, the length by which a picture of unit variance may still be off. The paper's time
    travel belongs to samplers and is left out.
    """

    name: Literal["freedom"] = "freedom"
    through: ClassVar[bool] = True
    rho: float = Field(
        default=0.1, ge=0.0, le=2.0, description="Length of a step, as a share of what is open."
    )

    def change(
        self,
        x: Float[Tensor, "b *d"],
        level: NoiseLevel,
        clean: Float[Tensor, "b *d"],
        aim: Aim,
        draw: Callable[[], Float[Tensor, "b *d"]],
    ) -> Float[Tensor, "b *d"]:
        """One backward pass through the model and the experts."""
        found = through_experts(aim, aim.log_density(clean), x, clean, level)
        length: Tensor = found.flatten(1).square().sum(1).sqrt().reshape(-1, *(1,) * (x.ndim - 1))
        reach = self.rho * level.sigma * found[0].numel() ** 0.5
        return found * (length > 0) * reach / (length + (length == 0))
