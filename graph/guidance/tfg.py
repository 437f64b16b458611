"""Training-free guidance in one family."""

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


class Tfg(GuidanceMethod):
    """Takes the gradient of a smoothed likelihood, through the experts and at the estimate.

    change = rho·sigma²/alpha·∇ₓ log E p(y | D(x) + δ) + Δ, with Δ of some steps of
    mu·sigma²·∇ log E p(y | D + δ) and δ ~ N(0, (smoothing·sigma)²): the mean over a few draws (TFG,
    arXiv 2409.15761). DPS unscaled and Universal are its corners. Its recurrence belongs to
    samplers and is left out.
    """

    name: Literal["tfg"] = "tfg"
    through: ClassVar[bool] = True
    rho: float = Field(default=1.0, ge=0.0, le=10.0, description="Weight of the gradient at x.")
    mu: float = Field(default=0.5, ge=0.0, le=10.0, description="Length of the steps at D.")
    steps: int = Field(default=2, ge=0, le=20, description="How many steps at D.")
    smoothing: float = Field(
        default=0.1, ge=0.0, le=1.0, description="Deviation of the draws, as a share of the noise."
    )
    draws: int = Field(default=2, ge=1, le=16, description="Draws that the mean is taken over.")

    def change(
        self,
        x: Float[Tensor, "b *d"],
        level: NoiseLevel,
        clean: Float[Tensor, "b *d"],
        aim: Aim,
        draw: Callable[[], Float[Tensor, "b *d"]],
    ) -> Float[Tensor, "b *d"]:
        """The model is read `draws` times for each gradient; the experts pass back once."""
        spread = self.smoothing * level.sigma
        drawn = [spread * draw() for _ in range(self.draws)] if spread else []

        def smooth(seen: Tensor) -> Tensor:
            """log of the mean of p, but for a constant."""
            first, *rest = [seen + each for each in drawn] or [seen]
            values = aim.log_density(first)
            for each in rest:
                values = values.logaddexp(aim.log_density(each))
            return values

        forward = through_experts(aim, smooth(clean), x, clean, level)
        return self.rho * forward + climbed(aim, smooth, clean, level, self.steps, self.mu)
