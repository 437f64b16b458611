"""Denoising diffusion implicit models."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from graph.interfaces import Denoiser, Sampler, Step
from graph.levels import NoiseLevel

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class Ddim(Sampler):
    """Predicts the clean sample, then adds back the noise of the next level, old or fresh.

    x' = alpha'·D + √(sigma'² − s²)·n + s·z with n = (x − alpha·D)/sigma, fresh noise z and
    s = eta·(sigma'/sigma)·√(1 − alpha²/alpha'²) (Song et al., arXiv 2010.02502, equations 12
    and 16). In ratio coordinates eta = 1 is the ancestral step of k-diffusion.
    """

    name: Literal["ddim"] = "ddim"
    eta: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        description="Fresh noise per step: 0 repeats exactly, 1 redraws as much as DDPM does.",
    )
    order: ClassVar[int] = 1

    @property
    def diffuses(self) -> bool:
        """With eta = 1."""
        return self.eta == 1.0

    def spread(self, here: NoiseLevel, there: NoiseLevel) -> float:
        """s/alpha'."""
        return self.eta * fresh_noise(here, there) / there.alpha

    def renoised(self, here: NoiseLevel, there: NoiseLevel) -> float:
        """The noise of the next level that is not drawn afresh."""
        return math.sqrt(max(there.sigma**2 - (self.eta * fresh_noise(here, there)) ** 2, 0.0))

    def __call__(
        self,
        denoise: Denoiser,
        x: Float[Tensor, "b *d"],
        levels: Sequence[NoiseLevel],
        draw: Callable[[], Float[Tensor, "b *d"]],
    ) -> Iterator[Step]:
        """Walk down `levels`; draws once a step where fresh noise enters."""
        for here, there in pairwise(levels):
            denoised = denoise(x, here)
            noise = (x - here.alpha * denoised) / here.sigma
            x = there.alpha * denoised + self.renoised(here, there) * noise
            fresh = self.eta * fresh_noise(here, there)
            if fresh > 0.0:
                x = x + fresh * draw()
            yield Step(x, there, denoised)


def fresh_noise(here: NoiseLevel, there: NoiseLevel) -> float:
    """Standard deviation of the noise that DDPM redraws on the way from `here` to `there`."""
    return there.sigma / here.sigma * math.sqrt(max(1.0 - (here.alpha / there.alpha) ** 2, 0.0))
