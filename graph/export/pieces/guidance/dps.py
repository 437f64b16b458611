"""Diffusion posterior sampling."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from graph.export.pieces.conventions import Level
from graph.export.pieces.following import through_experts


def dps(x: Tensor, level: Level, clean: Tensor, likely: Callable, scaled: bool) -> Tensor:
    """sigma²/alpha·∇ₓ log p(y | D(x)) / √(−2·log p) (DPS, arXiv 2209.14687); or not `scaled`."""
    values = likely(clean, level)
    found = through_experts(values, x, clean, level)
    if not scaled:
        return found
    return found / (-2 * values).clamp_min(1e-12).sqrt().reshape(-1, *(1,) * (x.ndim - 1))
