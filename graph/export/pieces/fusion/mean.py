"""The weighted mean of experts."""

from __future__ import annotations

from functools import reduce
from operator import add

import torch
from torch import Tensor


def mean(clean: list[Tensor], weights: list, base: Tensor) -> Tensor:
    """D̂ = Σ wᵢ·Dᵢ / Σ wᵢ (MultiDiffusion, arXiv 2302.08113, equation 5).

    Weights below zero count as zero; the background B is painted where they sum to zero.
    """
    faders = [torch.as_tensor(w, device=base.device).clamp_min(0.0) for w in weights]
    total = reduce(add, faders)
    empty = total == 0
    parts = [w * ~empty / (total + empty) for w in faders]
    return reduce(add, [part * (each - base) for part, each in zip(parts, clean)], base)
