"""CFG++: guidance that puts the background's noise back."""

from __future__ import annotations

from torch import Tensor


def cfg_pp(guided: Tensor, base: Tensor, gain: float) -> Tensor:
    """D' = B + g·(D̂ − B), g = 1/(1 − c·alpha/(alpha'·sigma)) (Chung et al., arXiv 2406.08070).

    A step that renoises by c then makes of D' the very x' = alpha'·D̂ + c·(x − alpha·B)/sigma.
    """
    return base + gain * (guided - base)
