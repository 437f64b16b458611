"""A switch by noise level: the experts take turns while the noise falls."""

from __future__ import annotations

from functools import reduce
from operator import add

from torch import Tensor

HELD = ("boundaries",)


def switch(clean: list[Tensor], weights: list, base: Tensor) -> Tensor:
    """D̂ = B + w·(D − B) of the expert on turn (cf. eDiff-I, arXiv 2211.01324).

    The weights of those that are not on turn are zero.
    """
    return reduce(add, [w * (each - base) for w, each in zip(weights, clean)], base)
