"""SuperDiff AND: every sample is as likely to one expert as to the other."""

from __future__ import annotations

from functools import reduce
from operator import add

import torch
from torch import Tensor

from graph.export.pieces.background import presence


def superdiff_and(
    level: tuple[float, float],
    next_level: tuple[float, float],
    clean: list[Tensor],
    weights: list,
    base: Tensor,
    noise: Tensor,
) -> Tensor:
    """D̂ = B + Σ κᵢ·(Dᵢ − B), Σ κᵢ = 1: the coming step makes x as much likelier to every expert.

    With r = sigma/alpha, the noise n that the step adds to x/alpha, the experts' mean M and
    Fᵢ = Dᵢ − M, κᵢ = 1/k + κ'ᵢ where Σⱼ ⟨Fᵢ, Fⱼ⟩·κ'ⱼ = ½·(‖Fᵢ‖² − mean ‖F‖²) −
    r²/(r² − r'²)·⟨Fᵢ, n⟩ and Σ κ' = 0 (Skreta et al., arXiv 2412.17762, AND). A weight says only
    whether an expert takes part; where nobody does the background B is painted.
    """
    faders = [torch.as_tensor(w, device=noise.device).clamp_min(0.0) for w in weights]
    there = torch.stack([each.flatten() for each in presence(faders, clean[0])], 1)  # [b, k]
    there = there.double()
    count = there.sum(1, keepdim=True).clamp_min(1)
    kappa = there / count
    falls = 1.0
    if level[0] > 0:
        falls = 1 - (next_level[1] / next_level[0] / (level[1] / level[0])) ** 2
    if level[0] > 0 and falls > 0 and len(clean) > 1:
        rows = torch.stack([each.detach().double().flatten(1) for each in clean], 1)  # [b, k, d]
        mean = (kappa.unsqueeze(2) * rows).sum(1, keepdim=True)
        apart = there.unsqueeze(2) * (rows - mean)
        gram = apart @ apart.mT
        lengths = gram.diagonal(dim1=1, dim2=2)
        surplus = 0.5 * (lengths - there * lengths.sum(1, keepdim=True) / count)
        surplus = surplus - (apart @ (noise / falls).double().flatten(1).unsqueeze(2)).squeeze(2)
        rounding = (16 * 1.2e-7) ** 2 * mean.square().sum((1, 2))  # below it nothing is told apart
        whole = gram + (rounding.unsqueeze(1) * there).diag_embed()
        change = (whole.pinverse(4096 * 2.3e-16) @ surplus.unsqueeze(2)).squeeze(2)
        kappa = kappa + change - there * change.sum(1, keepdim=True) / count
    ones = (1,) * (noise.ndim - 1)
    parts = [each.reshape(-1, *ones).to(noise) for each in kappa.T]
    return reduce(add, [part * (each - base) for part, each in zip(parts, clean)], base)
