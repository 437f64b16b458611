"""Modulation: estimates rewritten by modulators."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from graph.interfaces import Estimate
from graph.levels import NoiseLevel
from graph.parametrisation import Native, answer, steered
from graph.reliability import Weight
from graph.scores import Modulated


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
