"""95 % intervals by resampling the conditions of a row."""

from collections.abc import Callable

import torch
from torch import Tensor

DRAWS, SEED = 1000, 5

Statistic = Callable[[Tensor], Tensor]
"""From means of rows [..., k] to a number for each; [...]."""


def resampled(rows: Tensor, seed: int = SEED, draws: int = DRAWS) -> Tensor:
    """Means of `rows` [n, k] over `draws` samples with replacement; [draws, k] float64."""
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randint(len(rows), (draws, len(rows)), generator=generator)
    counts = torch.zeros(draws, len(rows), dtype=torch.float64)
    counts.scatter_add_(1, chosen, torch.ones_like(chosen, dtype=torch.float64))
    return counts @ rows.double() / len(rows)


def interval(rows: Tensor, statistic: Statistic) -> tuple[float, float, float]:
    """The statistic of the mean row with its 2.5 % and 97.5 % bootstrap percentiles.

    A row holds one condition, its seeds already averaged: pictures of one condition are not
    independent (Efron 1979; percentile method).
    """
    value = float(statistic(rows.double().mean(0)))
    low, high = torch.quantile(statistic(resampled(rows)), torch.tensor([0.025, 0.975]).double())
    return value, float(low), float(high)
