"""DPM-Solver++ of second order, multistep."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor


def dpmpp_2m(denoise: Callable, x: Tensor, levels: list, steps: range) -> Tensor:
    """DPM-Solver++(2M) (Lu et al., arXiv 2211.01095, algorithm 2).

    x' = (sigma'/sigma)·x + alpha'·(1 − e^−h)·(D + (h/2h₀)·(D − D₀)): h is the rise of
    log(alpha/sigma) over this step, h₀ that over the step before, D₀ the estimate made there. First
    order where h or h₀ is infinite.
    """
    before, rise_before = None, math.inf
    for step in steps:
        (alpha, sigma), (next_alpha, next_sigma) = levels[step : step + 2]
        clean = target = denoise(x, levels[step], step)
        finite = alpha > 0 and next_sigma > 0
        rise = math.log(next_alpha * sigma / (next_sigma * alpha)) if finite else math.inf
        if before is not None and finite:
            target = clean + 0.5 * rise / rise_before * (clean - before)
        kept = next_sigma / sigma
        x = kept * x + (next_alpha - kept * alpha) * target
        before, rise_before = clean, rise
    return x
