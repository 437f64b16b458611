"""Euler's method on the probability-flow ODE."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Literal

from graph.interfaces import Denoiser, Sampler, Step
from graph.levels import NoiseLevel

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class Euler(Sampler):
    """Straight steps towards the estimate: the plainest choice, one call per step.

    With r = sigma/alpha and y = x/alpha the flow is dy/dr = (y − D)/r, and Euler's step
    y' = y + (r' − r)·(y − D)/r is y' = D + (r'/r)·(y − D) (Karras et al., arXiv 2206.00364,
    algorithm 1 without the second evaluation). In the variance-preserving state that reads
    x' = alpha'·D + sigma'·(x − alpha·D)/sigma, finite from pure noise on. Euler's method in the
    time of flow models gives the same step, and so does DDIM without noise.
    """

    name: Literal["euler"] = "euler"
    order: ClassVar[int] = 1

    def renoised(self, here: NoiseLevel, there: NoiseLevel) -> float:
        """All the noise of the next level."""
        return there.sigma

    def __call__(
        self,
        denoise: Denoiser,
        x: Float[Tensor, "b *d"],
        levels: Sequence[NoiseLevel],
        draw: Callable[[], Float[Tensor, "b *d"]],
    ) -> Iterator[Step]:
        """Walk down `levels`; draws nothing."""
        for here, there in pairwise(levels):
            denoised = denoise(x, here)
            slope = (x - here.alpha * denoised) / here.sigma
            x = there.alpha * denoised + there.sigma * slope
            yield Step(x, there, denoised)
