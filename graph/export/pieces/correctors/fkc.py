"""Feynman–Kac correctors."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from graph.export.pieces.conventions import Level
from graph.export.pieces.lengths import inner, uniform


def fkc(x: Tensor, level: Level, draw: Callable, seen: dict, memory: dict, share: float) -> Tensor:
    """The pictures of a batch are particles, of which those that weigh too little are replaced.

    A step adds ½·(r² − r'²)·(‖ŝ‖² − Σ kⱼ·‖sⱼ‖²) to log W (Skreta et al., arXiv 2503.02819), for
    scores in y = x/alpha and r = sigma/alpha. Where 1/Σ W² falls below `share` of the particles,
    and at the end, they are drawn anew in proportion to W (Douc et al., arXiv cs/0507025).
    """
    logs = memory.get("logs", 0.0) + gained_by_path(seen, level)
    weights = logs.softmax(0).flatten()
    memory["logs"] = logs
    if level[1] > 0 and 1 / float((weights**2).sum()) >= share * len(weights):
        return x
    memory["logs"] = logs * 0
    return x.repeat_interleave(systematic(weights, float(uniform(draw()).flatten()[0])), 0)


def gained_by_path(seen: dict, end: Level) -> Tensor:
    """What a step adds to log W, [b, 1, 1, 1]; nothing is known at pure noise."""
    x, (alpha, sigma) = seen["x"], seen["level"]
    if alpha == 0:
        return inner(x, x) * 0

    def force(clean: Tensor) -> Tensor:
        score = alpha / sigma**2 * (alpha * clean - x)
        return inner(score, score)

    apart = force(seen["clean"]) - seen["composed"]([force(each) for each in seen["answers"]])
    return 0.5 * ((sigma / alpha) ** 2 - (end[1] / end[0]) ** 2) * apart


def systematic(weights: Tensor, chance: float) -> Tensor:
    """How often each particle is drawn: points stand at (i + chance)/b, for its part of [0, 1]."""
    count = len(weights)
    ends = (count * weights.cumsum(0) - chance).ceil().clamp(0, count).long()
    ends[-1] = count  # whatever the weights were rounded to
    return torch.diff(ends, prepend=ends.new_zeros(1))
