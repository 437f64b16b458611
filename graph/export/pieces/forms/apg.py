"""Adaptive projected guidance."""

from __future__ import annotations

from torch import Tensor

from graph.export.pieces.lengths import inner


def apg(
    guided: Tensor,
    plain: Tensor,
    base: Tensor,
    memory: dict,
    eta: float,
    threshold: float,
    momentum: float,
) -> Tensor:
    """D' = P + s·(E⊥ + eta·E∥): E = D̂ − P is what guidance adds to the plain estimate P.

    E∥ is its part along P, s = min(1, threshold/‖P − B‖). E and P − B are running sums,
    E ← E + momentum·E of the state before (Sadat et al., arXiv 2410.02416, algorithm 1).
    """
    added, direction = guided - plain, plain - base
    if momentum and memory:
        added = added + momentum * memory["added"]
        direction = direction + momentum * memory["direction"]
    memory.update(added=added.detach(), direction=direction.detach())
    length = inner(plain, plain)
    along = (inner(added, plain) / (length + (length == 0))).to(plain) * plain
    change = added - (1 - eta) * along
    if threshold:
        norm = inner(direction, direction).sqrt()
        change = (threshold / (norm + (norm == 0))).clamp_max(1.0).to(change) * change
    return plain + change
