"""FreeDoM."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from graph.export.pieces.conventions import Level
from graph.export.pieces.following import through_experts


def freedom(x: Tensor, level: Level, clean: Tensor, likely: Callable, rho: float) -> Tensor:
    """rho·sigma·√d·g/‖g‖ with g = ∇ₓ log p(y | D(x)) of d numbers (FreeDoM, arXiv 2303.09833).

    A step is measured by the length by which a picture of unit variance may still be off.
    """
    found = through_experts(likely(clean, level), x, clean, level)
    length = found.flatten(1).norm(dim=1).reshape(-1, *(1,) * (x.ndim - 1))
    return rho * level[1] * found[0].numel() ** 0.5 * found / (length + (length == 0))
