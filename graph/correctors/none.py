"""No corrector."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from graph.interfaces import Corrected, Corrector, Seen, Step
from graph.levels import NoiseLevel

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class Uncorrected(Corrector):
    """Leaves every state where the sampler took it: the sampler's own law."""

    name: Literal["none"] = "none"

    def __call__(
        self,
        memory: Any,
        seen: Seen,
        step: Step,
        ask: Callable[[Float[Tensor, "b *d"], NoiseLevel], Seen],
        draw: Callable[[], Float[Tensor, "b *d"]],
    ) -> Corrected:
        """The state as it is."""
        return Corrected(step.x)
