"""SuperDiff OR: every sample follows the expert that it likes best so far."""

from __future__ import annotations

from functools import reduce
from operator import add

import torch
from torch import Tensor

from graph.export.pieces.lengths import inner


def superdiff_or(
    x: Tensor,
    level: tuple[float, float],
    clean: list[Tensor],
    weights: list,
    base: Tensor,
    memory: dict,
    sharpness: float,
    guidance: float,
) -> Tensor:
    """D̂ = B + g·Σ κᵢ·(Dᵢ − B) with κ = softmax(log wᵢ + T·log qᵢ).

    log qᵢ is followed along the reverse diffusion: in y = x/alpha, with r = sigma/alpha and the
    score sᵢ = (Dᵢ − y)/r², a step adds ⟨sᵢ, y' − y⟩ − ½·(r² − r'²)·‖sᵢ‖² (Skreta et al., arXiv
    2412.17762, OR). T is the sharpness, g the guidance.
    """
    x, still = x.detach(), [each.detach() for each in clean]  # weights are constants to gradients
    logs = memory.get("logs", [inner(x, x) * 0 for _ in clean])
    if "x" in memory:
        gains = [gained(memory, before, x, level) for before in memory["clean"]]
        logs = [log + gain for log, gain in zip(logs, gains)]
    memory.update(x=x, level=level, clean=still, logs=logs)
    faders = [torch.as_tensor(w, device=x.device).double().clamp_min(0) for w in weights]
    likings = [w.log() + sharpness * log for w, log in zip(faders, logs)]
    top = reduce(torch.maximum, likings).nan_to_num(neginf=0.0)
    parts = [(liking - top).exp().to(x) for liking in likings]
    total = reduce(add, parts)
    total = total + (total == 0)
    terms = [guidance * part / total * (each - base) for part, each in zip(parts, clean)]
    return reduce(add, terms, base)


def gained(memory: dict, clean: Tensor, x: Tensor, level: tuple[float, float]) -> Tensor:
    """What the log-density of one expert gained over the last step; nothing from pure noise."""
    before, sigma = memory["level"]
    if before == 0:
        return inner(x, x) * 0
    squared = (sigma / before) ** 2
    y = memory["x"].double() / before
    moved = x.double() / level[0] - y
    score = (clean.double() - y) / squared
    diffused = squared - (level[1] / level[0]) ** 2
    return inner(score, moved) - 0.5 * diffused * inner(score, score)
