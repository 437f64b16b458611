"""Heun's method on the probability-flow ODE."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Literal

from graph.interfaces import Denoiser, Sampler, Step
from graph.levels import NoiseLevel

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class Heun(Sampler):
    """Looks ahead and averages both slopes: second order, two calls per step.

    Heun's method in the time of flow models, t = sigma/(alpha + sigma), in which the slope
    n − D of x/(alpha + sigma) stays finite from pure noise on; near clean it is the method of
    Karras et al., arXiv 2206.00364, algorithm 1. With the Euler step as x' and its estimate D',
    the trapezoid rule adds ½·(alpha' + sigma')·(t/t' − 1)·(D' − D). The last step into clean
    stays Euler, because the slope is undefined there.
    """

    name: Literal["heun"] = "heun"
    order: ClassVar[int] = 2
    calls_per_step: ClassVar[int] = 2

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
            if there.sigma > 0.0:
                gain = 0.5 * (there.alpha + there.sigma) * (here.flow_time / there.flow_time - 1.0)
                x = x + gain * (denoise(x, there) - denoised)
            yield Step(x, there, denoised)
