"""Guidance that keeps the contrast of what is guided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from graph.interfaces import Fused, GuidanceForm
from graph.levels import NoiseLevel

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class Rescale(GuidanceForm):
    """Gives the guided prediction the deviation that it has without guidance.

    v' = k·v(D̂) with k = std(v(P))/std(v(D̂)), over a whole sample (Lin et al., arXiv 2305.08891,
    equations 15 and 16; their φ is the form's reliability, 0.7 in the paper). The deviation is that
    of the velocity v = alpha·noise − sigma·D = (alpha·x − D)/sigma, as in the paper, so that in
    terms of D it is D' = D̂ + (1 − k)·(alpha·x − D̂). Deviations of noise or of D would give other
    pictures. At pure noise it is the deviation of D itself; at clean nothing changes.
    """

    name: Literal["rescale"] = "rescale"

    def __call__(
        self,
        x: Float[Tensor, "b *d"],
        level: NoiseLevel,
        guided: Fused,
        plain: Fused,
        memory: Any,
        gain: float,
    ) -> Fused:
        """Scale every term; what is no expert's goes to the base."""
        middle = level.alpha * x
        wide = _deviation(middle - guided.denoised)
        flat = wide == 0
        kept = _deviation(middle - plain.denoised) / (wide + flat) * ~flat + flat
        return Fused(guided.base + (1.0 - kept) * (middle - guided.base), kept * guided.terms)


def _deviation(values: Tensor) -> Tensor:
    """The standard deviation of every sample over all its dimensions, [b, 1, …]."""
    ones = (1,) * (values.ndim - 1)
    return values.flatten(1).std(1, correction=0).reshape(-1, *ones)
