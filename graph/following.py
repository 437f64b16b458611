"""Following a likelihood: its gradient as a change of the estimate, through the experts or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from graph.interfaces import Aim
from graph.levels import NoiseLevel
from graph.parametrisation import Native, leaning, pulled

if TYPE_CHECKING:
    from torch import Tensor


def native(level: NoiseLevel) -> Native:
    """The level in the coordinates of the state."""
    return Native(level.alpha, level.sigma, level.noise)


def through_experts(
    aim: Aim, values: Tensor, x: Tensor, clean: Tensor, level: NoiseLevel
) -> Tensor:
    """sigma²/alpha·∇ₓ log p(y | D(x)), through the networks that made the estimate.

    At pure noise, where the state says nothing, the gradient is taken at the estimate.
    """
    if level.alpha == 0.0:
        return leaning(aim.slope(values, clean), native(level))
    return pulled(aim.slope(values, x), native(level))


def climbed(
    aim: Aim,
    density: Callable[[Tensor], Tensor],
    clean: Tensor,
    level: NoiseLevel,
    steps: int,
    rate: float,
) -> Tensor:
    """How far the estimate moves in steps of rate·sigma²·∇ log p up a density.

    No expert is asked.
    """
    moved = clean.detach()
    for _ in range(steps):
        here = moved.requires_grad_()
        moved = (here + rate * leaning(aim.slope(density(here), here), native(level))).detach()
    return moved - clean.detach()
