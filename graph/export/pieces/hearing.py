"""What an expert is shown beside its condition."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from graph.export.pieces.settings import DEVICE, PRECISION


def light(picture: Image.Image) -> Tensor:
    """Red, green and blue of a picture, [3, h, w] in [0, 1]."""
    rows = torch.from_numpy(np.array(picture.convert("RGB"))).movedim(-1, 0)
    return (rows.float() / 255).to(DEVICE, PRECISION)


def each_shown(hints: list[Tensor], count: int) -> Tensor:
    """What every state of a call is shown: hints by its prompts, or one for all."""
    return torch.stack(hints).repeat_interleave(count // len(hints), 0)


def louder(part: Tensor, weight: Any) -> Tensor:
    """A tensor [n, c, h, w] times a number, one number a sample, or a picture over its places."""
    if isinstance(weight, Tensor):
        weight = F.interpolate(weight, part.shape[2:], mode="area")
        weight = weight.repeat(len(part) // len(weight), 1, 1, 1).to(part)
    return weight * part


def louder_tokens(part: Tensor, weight: Any) -> Tensor:
    """A tensor [n, tokens, width] times the same; every token stands for a square of places."""
    if isinstance(weight, Tensor):
        side = math.isqrt(max(weight[0].numel() // part.shape[1], 1))
        weight = F.avg_pool2d(weight, side).flatten(2).mT
        weight = weight.repeat(len(part) // len(weight), 1, 1).to(part)
    return weight * part


def by_rows(weight: Any, part: Tensor) -> Any:
    """A weight of samples as a factor of rows [n, …]; that of a picture is its mean."""
    if not isinstance(weight, Tensor):
        return weight
    means = weight.mean((1, 2, 3)).repeat(len(part) // len(weight))
    return means.reshape(-1, *(1,) * (part.ndim - 1)).to(part)


def silent(weight: Any) -> bool:
    """Whether nobody is heard."""
    return not isinstance(weight, Tensor) and weight == 0
