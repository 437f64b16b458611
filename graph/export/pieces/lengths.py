"""Lengths and angles of a whole sample."""

from __future__ import annotations

import math

from torch import Tensor


def inner(left: Tensor, right: Tensor) -> Tensor:
    """⟨left, right⟩ of every sample, in float64, [b, 1, …]."""
    product = (left.double() * right.double()).flatten(1).sum(1)
    return product.reshape(-1, *(1,) * (left.ndim - 1))


def uniform(normal: Tensor) -> Tensor:
    """A number between 0 and 1 for every sample, [b, 1, …], from its first standard normal one."""
    first = normal.double().flatten(1)[:, 0].reshape(-1, *(1,) * (normal.ndim - 1))
    return 0.5 * (-first / math.sqrt(2)).erfc()
