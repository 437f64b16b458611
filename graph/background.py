"""What experts are measured against: mixes of estimates over the experts that are there."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

from graph.interfaces import Estimate

if TYPE_CHECKING:
    from torch import Tensor


def as_tensors(weights: Sequence[Tensor | float], x: Tensor) -> list[Tensor]:
    """The weights as tensors of the kind of `x`; numbers become scalars."""
    return [x.new_full((), w) if isinstance(w, (int, float)) else w.to(x) for w in weights]


def presence(weights: Sequence[Tensor], x: Tensor) -> list[Tensor]:
    """1 where an expert takes part in a sample and 0 where its weight is zero throughout.

    Each is [b, 1, …]: whether an expert is there is settled per sample, never per batch.
    """
    ones = (1,) * (x.ndim - 1)
    heard = [(weight != 0).expand_as(x).flatten(1).any(1) for weight in weights]
    return [each.to(x.dtype).reshape(-1, *ones) for each in heard]


def mix(estimates: Sequence[Tensor], shares: Sequence[float], present: Sequence[Tensor]) -> Tensor:
    """The mean of `estimates` [b, *d] by share, over those that are present in a sample.

    Where the shares of the present sum to zero they count alike; where none is present, all are
    taken for present.
    """
    everyone = [each * 0 + 1 for each in present]
    amounts = [each * share for each, share in zip(present, shares, strict=True)]
    by_share = [each * share for each, share in zip(everyone, shares, strict=True)]
    for fallback in (present, by_share, everyone):
        missing = reduce(add, amounts) == 0
        amounts = [a + missing * each for a, each in zip(amounts, fallback, strict=True)]
    total = reduce(add, amounts)
    return reduce(add, [a / total * e for a, e in zip(amounts, estimates, strict=True)])


def reference(
    estimates: Sequence[Estimate],
    shares: Sequence[float],
    present: Sequence[Tensor],
    wired: Tensor | None,
) -> Tensor | None:
    """The background: the wired one, else the mix of the nulls there are, else None."""
    if wired is not None:
        return wired
    nulls = [
        (estimate.null, share, each)
        for estimate, share, each in zip(estimates, shares, present, strict=True)
        if estimate.null is not None
    ]
    return mix(*map(list, zip(*nulls, strict=True))) if nulls else None


def fill(terms: Sequence[Tensor], x: Tensor) -> Tensor:
    """The terms [k, b, *d] in one tensor."""
    stacked = x.new_empty((len(terms), *x.shape))
    for index, term in enumerate(terms):
        stacked[index] = term
    return stacked
