"""DPM-Solver++ of second order, multistep."""

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


class Dpmpp2M(Sampler):
    """Reuses the previous estimate for second order at one call per step: the usual first choice.

    x' = (sigma'/sigma)·x + alpha'·(1 − e^−h)·(D + (h/2h₀)·(D − D₀)), where h is the rise of
    log(alpha/sigma) over this step, h₀ that over the step before and D₀ the estimate made there
    (Lu et al., arXiv 2211.01095, algorithm 2). The first step, the step after pure noise and the
    step into clean are first order, where h or h₀ is infinite.

    The history D₀ lives in one call. Whoever changes x or the set of experts between two steps
    starts a new call from the last Step and the remaining levels, which forgets it.
    """

    name: Literal["dpmpp_2m"] = "dpmpp_2m"
    order: ClassVar[int] = 2

    def __call__(
        self,
        denoise: Denoiser,
        x: Float[Tensor, "b *d"],
        levels: Sequence[NoiseLevel],
        draw: Callable[[], Float[Tensor, "b *d"]],
    ) -> Iterator[Step]:
        """Walk down `levels`; draws nothing."""
        previous, rise_before = None, math.inf
        for here, there in pairwise(levels):
            denoised = target = denoise(x, here)
            rise = 0.5 * (there.log_snr - here.log_snr)
            if previous is not None and math.isfinite(rise):
                target = denoised + 0.5 * rise / rise_before * (denoised - previous)
            kept = there.sigma / here.sigma
            x = kept * x + (there.alpha - kept * here.alpha) * target
            previous, rise_before = denoised, rise
            yield Step(x, there, denoised)
