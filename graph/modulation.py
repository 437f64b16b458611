"""Modulation: estimates rewritten by modulators, and what each of them added to a fused update."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from graph.interfaces import Estimate, Fused
from graph.levels import NoiseLevel
from graph.parametrisation import Native, answer, steered
from graph.reliability import Weight
from graph.scores import Modulated

Trail = tuple[tuple[str, Estimate], ...]
"""A score's estimates by the nodes that made them: an expert or fusion, then each modulator."""


def rewritten(
    x: Tensor,
    level: NoiseLevel,
    asked: Mapping[int, Modulated],
    before: Mapping[int, Estimate],
    weights: Mapping[str, Weight],
) -> dict[int, Estimate]:
    """The estimates D after their modulators: one forward pass per distinct network.

    v' = v + r·(γ⊙v + ν − v), with the reliability r. The null estimate stays: the maps belong to
    the condition (docs/decisions/0009-modulators-rewrite-v.md). At clean D is x, and stays.
    """
    if level.sigma == 0.0:
        return dict(before)
    native = Native(level.alpha, level.sigma, level.noise)
    after: dict[int, Estimate] = {}
    for network in dict.fromkeys(each.network for each in asked.values()):
        mine = {i: each for i, each in asked.items() if each.network == network}
        velocity = torch.cat([answer("v", before[i].denoised, x, native) for i in mine])
        states = x.repeat(len(mine), *(1,) * (x.ndim - 1))
        maps = [each for score in mine.values() for each in score.maps.spread(len(x))]
        modulator = next(iter(mine.values())).modulator
        changes = modulator.change(states, velocity, level, maps).to(x).chunk(len(mine))
        for (i, score), change in zip(mine.items(), changes, strict=True):
            heard = weights[score.node].tensor(x) * change
            after[i] = Estimate(steered(before[i].denoised, heard, native), before[i].null)
    return after


def apart(
    trails: Sequence[Trail], fuse: Callable[[Sequence[Estimate]], Fused], whole: Fused
) -> tuple[tuple[str, ...], Fused]:
    """A fused update in the parts that the meters show: every expert's, and every modulator's.

    Modulators are put in one after the other, the inner ones first; the part of each is what the
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
    """The parts of a fusion, with those of the modulators that rewrote its estimate."""
    changes = [after.denoised - before.denoised for (_, before), (_, after) in pairwise(trail)]
    nodes = (*heard, *(node for node, _ in trail[1:]))
    return nodes, Fused(fused.base, torch.cat([fused.terms, torch.stack(changes)]))


def _add(parts: dict[str, Tensor], node: str, part: Tensor) -> None:
    parts[node] = parts[node] + part if node in parts else part
