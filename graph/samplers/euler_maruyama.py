"""The Euler–Maruyama method on the reverse diffusion."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Literal

from graph.interfaces import Denoiser, Sampler, Step
from graph.levels import NoiseLevel

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class EulerMaruyama(Sampler):
    """Walks the reverse diffusion as it is written, with fresh noise: the textbook, for many steps.

    With r = sigma/alpha, y = x/alpha and the score s = (D − y)/r² a step is
    y' = y + (r² − r'²)·s + √(r² − r'²)·z (Song et al., arXiv 2011.13456: the reverse-time equation
    with g²dt = d(r²)). From pure noise, where y is infinite, the step is drawn from what is known
    there, x' = alpha'·D + sigma'·z; into clean it is D.

    DDIM with eta = 1 makes the same step with less noise, r'·√(1 − r'²/r²), and errs far less where
    steps are few.
    """

    name: Literal["euler_maruyama"] = "euler_maruyama"
    order: ClassVar[int] = 1

    @property
    def diffuses(self) -> bool:
        """Always."""
        return True

    def spread(self, here: NoiseLevel, there: NoiseLevel) -> float:
        """√(r² − r'²); r' from pure noise, none into clean."""
        if there.sigma == 0.0:
            return 0.0
        return there.ratio if here.alpha == 0.0 else math.sqrt(here.ratio**2 - there.ratio**2)

    def renoised(self, here: NoiseLevel, there: NoiseLevel) -> float:
        """What a step with fresh noise keeps of the old: sigma'·r'/r."""
        return there.sigma * there.ratio / here.ratio

    def __call__(
        self,
        denoise: Denoiser,
        x: Float[Tensor, "b *d"],
        levels: Sequence[NoiseLevel],
        draw: Callable[[], Float[Tensor, "b *d"]],
    ) -> Iterator[Step]:
        """Walk down `levels`; draws once a step, but for the step into clean."""
        for here, there in pairwise(levels):
            denoised = denoise(x, here)
            if there.sigma == 0.0:
                x = denoised
            elif here.alpha == 0.0:
                x = there.alpha * denoised + there.sigma * draw()
            else:
                kept = (there.ratio / here.ratio) ** 2
                clean = kept * x / here.alpha + (1.0 - kept) * denoised
                x = there.alpha * (clean + self.spread(here, there) * draw())
            yield Step(x, there, denoised)
