"""Perp-Neg: what is not wanted takes nothing from what is."""

from __future__ import annotations

from functools import reduce
from operator import add

import torch
from torch import Tensor

from graph.export.pieces.lengths import inner


def perp_neg(clean: list[Tensor], weights: list, base: Tensor) -> Tensor:
    """D̂ = B + Δ₊ + Σ wⱼ·(Δⱼ − ⟨Δⱼ, Δ₊⟩/‖Δ₊‖²·Δ₊) over the weights below zero.

    Δᵢ = Dᵢ − B, and Δ₊ = Σ wᵢ·Δᵢ over the weights above zero (Armandpour et al., arXiv
    2304.04968, with Δ₊ for their one main prompt).
    """
    faders = [torch.as_tensor(w, device=base.device) for w in weights]
    directions = [each - base for each in clean]
    wanted = reduce(add, [w.clamp_min(0) * each for w, each in zip(faders, directions)])
    fused = base + wanted
    length = inner(wanted, wanted)
    for weight, direction in zip(faders, directions):
        unwanted = weight.clamp_max(0) * direction
        along = inner(unwanted, wanted) / (length + (length == 0))
        fused = fused + unwanted - along.to(wanted) * wanted
    return fused
