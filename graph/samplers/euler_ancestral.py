"""The ancestral sampler in Euler's form."""

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


class EulerAncestral(Sampler):
    """Goes down further than the next level, and comes back up to it with fresh noise: "Euler a".

    With r = sigma/alpha and the clean estimate D, y' = D + down·n + up·z where n = (y − D)/r is the
    noise that is there, z fresh noise, up = eta·r'·√(1 − r'²/r²) and down² = r'² − up²
    (k-diffusion, `get_ancestral_step`). At eta = 1 that is the ancestral sampling of DDPM (Ho et
    al., arXiv 2006.11239); at 0 it is Euler's method. In exact arithmetic it is DDIM with this eta.
    """

    name: Literal["euler_ancestral"] = "euler_ancestral"
    eta: float = Field(
        default=1.0,
        ge=0.0,
        le=1.0,
        description="Fresh noise per step: 1 redraws as much as DDPM does, 0 none.",
    )
    order: ClassVar[int] = 1

    @property
    def diffuses(self) -> bool:
        """With eta = 1."""
        return self.eta == 1.0

    def spread(self, here: NoiseLevel, there: NoiseLevel) -> float:
        """The way back up."""
        return self.eta * there.ratio * math.sqrt(1.0 - (there.ratio / here.ratio) ** 2)

    def renoised(self, here: NoiseLevel, there: NoiseLevel) -> float:
        """alpha'·down."""
        return there.alpha * math.sqrt(there.ratio**2 - self.spread(here, there) ** 2)

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
            up = self.spread(here, there)
            if up > 0.0:
                x = x + there.alpha * up * draw()
            yield Step(x, there, denoised)
