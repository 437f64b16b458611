"""The gradient at the estimate: the cheap way."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from graph.following import native
from graph.interfaces import Aim, GuidanceMethod
from graph.levels import NoiseLevel
from graph.parametrisation import leaning

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class Estimate(GuidanceMethod):
    """Takes the gradient at the clean estimate; no expert is differentiated.

    change = sigma²·∇_D log p(y | D). Through the experts it would be cov(x0 | x)·∇_D log p
    (Tweedie's formula of second order); here that covariance is a standard normal picture's, as in
    ΠGDM (Song et al., ICLR 2023).
    """

    name: Literal["estimate"] = "estimate"

    def change(
        self,
        x: Float[Tensor, "b *d"],
        level: NoiseLevel,
        clean: Float[Tensor, "b *d"],
        aim: Aim,
        draw: Callable[[], Float[Tensor, "b *d"]],
    ) -> Float[Tensor, "b *d"]:
        """One reading of the model, forward and backward."""
        return leaning(aim.slope(aim.log_density(clean), clean), native(level))
