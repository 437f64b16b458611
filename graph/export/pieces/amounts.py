"""Weights that are not one number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from graph.export.pieces.settings import DEVICE


def by_sample(*values: float) -> Tensor:
    """A number for every sample of the batch, [b, 1, 1, 1]."""
    return torch.tensor(values, device=DEVICE).reshape(-1, 1, 1, 1)


def by_place(file: Path, low: float, high: float) -> Tensor:
    """A grey picture over the state, [1, 1, h, w]: black is `low`, white `high`."""
    light = torch.from_numpy(np.array(Image.open(file), dtype=np.float32) / 255)
    return (low + (high - low) * light).to(DEVICE)[None, None]
