"""Multistep consistency sampling, for latent consistency models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Literal

from graph.interfaces import Denoiser, Sampler, Step
from graph.levels import NoiseLevel

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class Consistency(Sampler):
    """Takes every answer for a finished picture, and lays fresh noise of the next level over it.

    x' = alpha'·f(x) + sigma'·z (Song et al., arXiv 2303.01469, algorithm 1). Where f is a
    consistency function, the end of the path through x, the samples are right after any number of
    steps; the mean of clean pictures, which other experts answer, comes out too smooth.
    """

    name: Literal["consistency"] = "consistency"
    order: ClassVar[int] = 0
    restarts: ClassVar[bool] = True

    def spread(self, here: NoiseLevel, there: NoiseLevel) -> float:
        """All the noise of the next level."""
        return there.ratio

    def __call__(
        self,
        denoise: Denoiser,
        x: Float[Tensor, "b *d"],
        levels: Sequence[NoiseLevel],
        draw: Callable[[], Float[Tensor, "b *d"]],
    ) -> Iterator[Step]:
        """Walk down `levels`; draws once a step, but for the last that ends clean."""
        for here, there in pairwise(levels):
            denoised = denoise(x, here)
            x = there.alpha * denoised
            if there.sigma > 0.0:
                x = x + there.sigma * draw()
            yield Step(x, there, denoised)
