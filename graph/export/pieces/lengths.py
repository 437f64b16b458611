"""Lengths and angles of a whole sample."""

from __future__ import annotations

from torch import Tensor


def inner(left: Tensor, right: Tensor) -> Tensor:
    """⟨left, right⟩ of every sample, in float64, [b, 1, …]."""
    product = (left.double() * right.double()).flatten(1).sum(1)
    return product.reshape(-1, *(1,) * (left.ndim - 1))
