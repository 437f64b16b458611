"""What experts are measured against: mixes of estimates over the experts that are there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

from graph.errors import ChoraleError, Diagnostic
from graph.interfaces import Estimate
from graph.levels import NoiseLevel

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


@dataclass(frozen=True, slots=True)
class Ground:
    """What a rule builds on, both [b, *d]: experts are measured against `reference`.

    `base` is what the terms are added to. The two are one wherever there is a background.
    """

    base: Tensor
    reference: Tensor


def ground(
    x: Tensor,
    level: NoiseLevel,
    estimates: Sequence[Estimate],
    weights: Sequence[Tensor],
    shares: Sequence[float],
    wired: Tensor | None,
) -> Ground:
    """The background B as base and reference; without any, the plain sum of scores.

    That sum is x/alpha + Σ wᵢ·(Dᵢ − x/alpha). It is written against the experts' mean M as
    M + (1 − Σ wᵢ)·(x/alpha − M) + Σ wᵢ·(Dᵢ − M), which loses no digits to the size of x/alpha at
    high noise when the weights sum to one. If they do not, it has no finite value at pure noise:
    ChoraleError F005.
    """
    present = presence(weights, x)
    background = reference(estimates, shares, present, wired)
    if background is not None:
        return Ground(background, background)
    mean = mix([each.denoised for each in estimates], [1.0] * len(estimates), present)
    lacking = 1.0 - reduce(add, weights)
    lacking = lacking * (lacking.abs() > 1e-6)  # rounding in the weights is not a lack
    if level.alpha > 0.0:
        return Ground(mean + lacking * (x / level.alpha - mean), mean)
    if bool((lacking != 0).any()):
        raise ChoraleError(_collapse(1.0 - float(lacking.flatten()[lacking.abs().argmax()])))
    return Ground(mean, mean)


def _collapse(net: float) -> Diagnostic:
    return Diagnostic(
        "F005",
        f"The weights sum to {net:.3g} without a background: "
        "at pure noise such a sum has no finite estimate.",
        "Add a background, or let the weights sum to 1.",
    )


def portions(weights: Sequence[Tensor]) -> list[Tensor]:
    """The weights divided by their sum, place by place; zero where that is zero."""
    total = reduce(add, weights)
    empty = total == 0
    return [(weight * ~empty) / (total + empty) for weight in weights]


def wide(values: Tensor) -> Tensor:
    """The values in float64, where the device has it."""
    return values if values.device.type == "mps" else values.double()


def inner(left: Tensor, right: Tensor) -> Tensor:
    """⟨left, right⟩ of every sample over all its dimensions, [b, 1, …], in float64 if may be."""
    return (wide(left) * wide(right)).flatten(1).sum(1).reshape(-1, *(1,) * (left.ndim - 1))


def uniform(normal: Tensor) -> Tensor:
    """A number between 0 and 1 for every sample, [b, 1, …], from its first standard normal one."""
    first = wide(normal).flatten(1)[:, 0].reshape(-1, *(1,) * (normal.ndim - 1))
    return 0.5 * (-first / math.sqrt(2.0)).erfc()


def fill(terms: Sequence[Tensor], x: Tensor) -> Tensor:
    """The terms [k, b, *d] in one tensor."""
    stacked = x.new_empty((len(terms), *x.shape))
    for index, term in enumerate(terms):
        stacked[index] = term
    return stacked
