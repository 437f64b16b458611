"""Telling: what adapters add to a network's own while it is asked, as loudly as they are heard."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from graph.interfaces import Adapter, Asking, Heard


def told(asking: Asking, heard: Sequence[Heard]) -> dict[str, Any]:
    """What a network is given beside its own inputs: sums over the adapters, by argument."""
    found: dict[str, list[Any]] = {}
    for adapter, each in telling(heard):
        for name, parts in adapter.told(asking, stacked(each.hints)).items():
            # several blocks may be told the very same
            weighed = {id(part): _loud(each.weight, part) * part for part in parts}
            louder = [weighed[id(part)] for part in parts]
            sums = found.get(name)
            found[name] = (
                louder if sums is None else [a + b for a, b in zip(sums, louder, strict=True)]
            )
    middle = {name: parts[0] for name, parts in found.items() if name.startswith("mid_")}
    return {**found, **middle}


def telling(heard: Sequence[Heard]) -> list[tuple[Adapter, Heard]]:
    """The adapters that tell a network more; what tunes it has changed it before it is asked."""
    return [(each.adapter, each) for each in heard if isinstance(each.adapter, Adapter)]


def stacked(hints: Sequence[Any]) -> Any:
    """The hints of n samples as one, or level by level where an adapter has several."""
    if isinstance(hints[0], Tensor):
        return torch.stack([*hints])
    return [torch.stack(parts) for parts in zip(*hints, strict=True)]


def _loud(weight: Tensor, part: Tensor) -> Tensor:
    """The weight over the places of one part: those of a map are brought to its size.

    A part is [n, c, h, w], or of a transformer [n, tokens, width], whose tokens are squares.
    """
    if part.ndim == 3:
        rows, columns = weight.shape[-2:]
        side = math.isqrt(max(rows * columns // part.shape[1], 1))
        return _sized(weight, (rows // side, columns // side)).flatten(2).mT.to(part)
    return _sized(weight, part.shape[-2:]).to(part)


def _sized(weight: Tensor, size: Sequence[int]) -> Tensor:
    if weight.shape[-2:] in ((1, 1), tuple(size)):
        return weight
    return F.interpolate(weight.float(), tuple(size), mode="area")
