"""The gradient at the noisy state."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from graph.export.pieces.conventions import Level
from graph.export.pieces.following import slope


@torch.enable_grad()
def state(x: Tensor, level: Level, likely: Callable) -> Tensor:
    """sigma²/alpha·∇ₓ log p(y | x), of a model that knows noise (PPAP, arXiv 2212.05973)."""
    alpha, sigma = level
    if alpha == 0:  # the state says nothing
        return torch.zeros_like(x)
    at = x.detach().requires_grad_()
    return sigma**2 / alpha * slope(likely(at, level), at)
