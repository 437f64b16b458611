"""The density that the weights of a fusion name, where the rule names one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from graph.composing import Composition
from graph.interfaces import FusionRule, Part
from graph.levels import NoiseLevel


def named(
    rule: FusionRule,
    level: NoiseLevel,
    logs: Sequence[Tensor],
    weights: Sequence[float],
    background: Tensor | None,
) -> Tensor | None:
    """Its log at n points, up to a constant; None for a rule that names none.

    `logs` are those of the experts' densities, [n, 1], as that of the background is. Weights count
    as the rule has them: Π pⱼ^kⱼ where it multiplies, Σ wⱼ·pⱼ where it mixes.
    """
    if rule.mixes:
        faders = [torch.tensor(max(weight, 0.0)).to(logs[0]).log() for weight in weights]
        return torch.stack([w + log for w, log in zip(faders, logs, strict=True)]).logsumexp(0)
    if not rule.multiplies:
        return None
    parts = [(Part(log, lambda: None), None) for log in logs]
    ground = None if background is None else Part(background, lambda: None)
    ones = [1.0] * len(logs)
    whole = Composition(rule, level, parts, weights, ones, ground)
    return whole.weighed(lambda part: part.denoised)
