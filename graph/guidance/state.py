"""The gradient at the noisy state, of a model that knows noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from graph.following import native
from graph.interfaces import Aim, GuidanceMethod
from graph.levels import NoiseLevel
from graph.parametrisation import pulled

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class State(GuidanceMethod):
    """Asks about the noisy state itself, and takes the gradient there; no expert is differentiated.

    change = sigma²/alpha·∇ₓ log p(y | x): Bayes' rule for a likelihood of that very noise level
    (classifier guidance, arXiv 2105.05233; PPAP, arXiv 2212.05973). It is right for guidance
    experts that were taught noisy states; what knows clean pictures alone says little here. At pure
    noise the state says nothing, and nothing is changed.
    """

    name: Literal["state"] = "state"

    def change(
        self,
        x: Float[Tensor, "b *d"],
        level: NoiseLevel,
        clean: Float[Tensor, "b *d"],
        aim: Aim,
        draw: Callable[[], Float[Tensor, "b *d"]],
    ) -> Float[Tensor, "b *d"]:
        """One reading of the model, forward and backward."""
        slope = aim.slope(aim.log_density(x), x)
        return slope * 0.0 if level.alpha == 0.0 else pulled(slope, native(level))
