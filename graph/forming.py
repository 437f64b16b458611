"""Forming: the guidance of a fusion in the forms that are wired around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from graph.interfaces import Fused, Sampler
from graph.levels import CLEAN, NoiseLevel
from graph.reliability import Weight
from graph.scores import Shaped


def formed(
    shapes: Sequence[Shaped],
    x: Tensor,
    level: NoiseLevel,
    asked: tuple[Fused, Fused],
    weights: Mapping[str, Weight],
    remembered: Mapping[str, Any],
    gain: float,
) -> tuple[Fused, dict[str, Any]]:
    """The fusion after its forms, the inner ones first, and what they remember of this state.

    `asked` is the fusion as the weights ask and as it is without guidance.

    Every form is mixed in by its reliability r: D̂ + r·(D' − D̂), base and terms alike.
    """
    guided, plain = asked
    memories: dict[str, Any] = {}
    for each in shapes:
        form, heard = each.form, weights[each.node].tensor(x)
        key = f"form {each.node}"
        before = remembered.get(key)
        memory = form.follow(before, x, level, guided, plain)
        memories[key] = memory
        if guided.terms.requires_grad:  # no gradient is carried into the next step
            state, calm = x.detach(), (_calm(guided), _calm(plain))
            memories[key] = form.follow(before, state, level, *calm)
        changed = form(x, level, guided, plain, memory, gain)
        guided = Fused(
            guided.base + heard * (changed.base - guided.base),
            guided.terms + heard * (changed.terms - guided.terms),
        )
    return guided, memories


def _calm(fused: Fused) -> Fused:
    """The fusion without the gradient it carries."""
    return Fused(fused.base.detach(), fused.terms.detach())


def gain(sampler: Sampler, levels: Sequence[NoiseLevel], here: NoiseLevel) -> float:
    """1/(1 − c·alpha/(alpha'·sigma)) for a step from `here` that renoises by c, else 1.

    That is by how much an estimate has to be overstated against a background B for the step to put
    back the noise of B: (x − alpha·B)/sigma.
    """
    if here.sigma == 0.0:
        return 1.0
    there = next((level for level in levels if level.ratio < here.ratio), CLEAN)
    factor = sampler.renoised(here, there)
    return 1.0 if factor is None else 1.0 / (1.0 - factor / (there.alpha * here.ratio))
