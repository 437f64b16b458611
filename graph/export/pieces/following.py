"""Following a likelihood: its gradient as a change of D."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from graph.export.pieces.conventions import Level


def slope(values: Tensor, at: Tensor) -> Tensor:
    """The gradient of every sample's value; samples do not depend on one another."""
    return torch.autograd.grad(values.sum(), at, retain_graph=True)[0]


def through_experts(values: Tensor, x: Tensor, clean: Tensor, level: Level) -> Tensor:
    """sigma²/alpha·∇ₓ log p(y | D(x)), through the networks; at pure noise sigma²·∇_D log p."""
    alpha, sigma = level
    if alpha == 0:
        return sigma**2 * slope(values, clean)
    return sigma**2 / alpha * slope(values, x)


def climbed(density: Callable, clean: Tensor, level: Level, steps: int, rate: float) -> Tensor:
    """How far D moves in steps of rate·sigma²·∇ log p; no expert is asked."""
    moved = clean.detach()
    for _ in range(steps):
        here = moved.requires_grad_()
        moved = (here + rate * level[1] ** 2 * slope(density(here), here)).detach()
    return moved - clean.detach()
