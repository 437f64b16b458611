"""Trails: how an estimate came about, and what each node on the way added to a fused update."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from graph.interfaces import Estimate, Fused

Trail = tuple[tuple[str, Estimate], ...]
"""A score's estimates by the nodes that made them: an expert or fusion, then each companion."""


def apart(
    trails: Sequence[Trail], fuse: Callable[[Sequence[Estimate]], Fused], whole: Fused
) -> tuple[tuple[str, ...], Fused]:
    """A fused update in the parts that the meters show: every expert's, and every companion's.

    Companions are put in one after the other, the inner ones first; the part of each is what the
    terms gain together. A node that is heard twice has one part, the sum.
    """
    nodes = [trail[0][0] for trail in trails]
    turns = sorted((n, i) for i, trail in enumerate(trails) for n in range(1, len(trail)))
    if not turns and len(set(nodes)) == len(nodes):
        return tuple(nodes), whole
    estimates = [trail[0][1] for trail in trails]
    before = fuse(estimates).terms
    parts: dict[str, Tensor] = {}
    for node, term in zip(nodes, before, strict=True):
        _add(parts, node, term)
    for n, i in turns:
        node, estimates[i] = trails[i][n]
        after = fuse(estimates).terms
        _add(parts, node, (after - before).sum(0))
        before = after
    return tuple(parts), Fused(whole.base, torch.stack(list(parts.values())))


def added(trail: Trail, heard: tuple[str, ...], fused: Fused) -> tuple[tuple[str, ...], Fused]:
    """The parts of a fusion, with those of the companions that bent its estimate."""
    changes = [after.denoised - before.denoised for (_, before), (_, after) in pairwise(trail)]
    nodes = (*heard, *(node for node, _ in trail[1:]))
    return nodes, Fused(fused.base, torch.cat([fused.terms, torch.stack(changes)]))


def calm(estimate: Estimate) -> Estimate:
    """The estimate without the gradient it carries."""
    null = None if estimate.null is None else estimate.null.detach()
    return Estimate(estimate.denoised.detach(), null)


def still(trail: Trail) -> Trail:
    """The trail without the gradients it carries."""
    return tuple((node, calm(estimate)) for node, estimate in trail)


def _add(parts: dict[str, Tensor], node: str, part: Tensor) -> None:
    parts[node] = parts[node] + part if node in parts else part
