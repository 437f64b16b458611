"""What experts are measured against where no background is named: the mix of their own nulls."""

from __future__ import annotations

from functools import reduce
from operator import add

import torch
from torch import Tensor

from graph.export.pieces.conventions import Level


def mean_of(nulls: list[Tensor], shares: list[float]) -> Tensor:
    """B = Σ βᵢ·D(x | ∅)ᵢ with shares β that sum to one."""
    return reduce(add, [share / sum(shares) * null for share, null in zip(shares, nulls)])


def mean_of_present(nulls: list[Tensor], shares: list[float], weights: list) -> Tensor:
    """B = Σ βᵢ·D(x | ∅)ᵢ over the experts that take part in a sample: whose weight is not zero.

    Where the shares of these sum to zero they count alike; where nobody takes part, all do.
    """
    present = presence(weights, nulls[0])
    everyone = [each * 0 + 1 for each in present]
    amounts = [each * share for each, share in zip(present, shares)]
    for instead in (present, [each * s for each, s in zip(everyone, shares)], everyone):
        lacking = reduce(add, amounts) == 0
        amounts = [amount + lacking * each for amount, each in zip(amounts, instead)]
    total = reduce(add, amounts)
    return reduce(add, [amount / total * null for amount, null in zip(amounts, nulls)])


def lacking(x: Tensor, level: Level, mean: Tensor, weights: list) -> Tensor:
    """(1 − Σ wᵢ)·(x/alpha − M): what weights against the mean M lack to the plain sum of scores.

    That is x/alpha + Σ wᵢ·(Dᵢ − x/alpha); what is in the weights by rounding is no lack.
    """
    rest = 1 - reduce(add, weights)
    if level[0] == 0:  # where weights sum to one
        return torch.zeros_like(mean)
    return rest * (abs(rest) > 1e-6) * (x / level[0] - mean)


def presence(weights: list, x: Tensor) -> list[Tensor]:
    """1 where an expert takes part in a sample, 0 where its weight is zero throughout."""
    tensors = [torch.as_tensor(weight, device=x.device) for weight in weights]
    there = [(weight != 0).expand_as(x).flatten(1).any(1) for weight in tensors]
    return [each.to(x.dtype).reshape(-1, *(1,) * (x.ndim - 1)) for each in there]
