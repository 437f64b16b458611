"""The product of experts over a background."""

from __future__ import annotations

from functools import reduce
from operator import add

from torch import Tensor


def product(clean: list[Tensor], weights: list, base: Tensor) -> Tensor:
    """D̂ = B + Σ wᵢ·(Dᵢ − B) (Unite and Conquer, arXiv 2212.00793, equation 9).

    Every expert pulls away from the background B. One expert is classifier-free guidance.
    """
    return reduce(add, [w * (each - base) for w, each in zip(weights, clean)], base)


def product_own(clean: list[Tensor], nulls: list[Tensor], weights: list, base: Tensor) -> Tensor:
    """D̂ = B + Σ wᵢ·(Dᵢ − D(∅)ᵢ): every expert is measured against its own null.

    A variant of Unite and Conquer, arXiv 2212.00793, equation 9.
    """
    terms = [w * (each - null) for w, each, null in zip(weights, clean, nulls)]
    return reduce(add, terms, base)
