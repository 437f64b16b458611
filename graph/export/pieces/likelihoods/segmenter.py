"""Segmentation models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from graph.export.pieces.conventions import Level
from graph.export.pieces.settings import DEVICE

NETWORKS = ("ForSemanticSegmentation",)


class Segmenter:
    """log p(mask | picture): every place of a segmentation model's answer counts by itself.

    Σ_places Σ_classes share·log softmax, `share` being how much of the place has the class.
    """

    def __init__(self, look: Any, codec: Any, mask: Path) -> None:
        self.look, self.codec = look, codec
        classes = np.array(Image.open(mask), dtype=np.int64)  # whose colours are numbered
        self.mask = torch.from_numpy(classes).to(DEVICE)

    def __call__(self, state: Tensor, level: Level) -> Tensor:
        """Of the picture of every state."""
        logits = self.look(self.codec.colours(state), level).logits.float()
        return (self.shares(logits[0]) * logits.log_softmax(1)).sum((1, 2, 3))

    def shares(self, answer: Tensor) -> Tensor:
        """How much of every place has each class, [k, v, u]; a place that has no pixel has none."""
        rows, columns = (
            torch.arange(side, device=DEVICE) * count // side
            for side, count in zip(self.mask.shape, answer.shape[1:])
        )
        counts = torch.zeros_like(answer)
        one = torch.ones((), device=DEVICE)
        counts.index_put_((self.mask, rows[:, None], columns[None]), one, accumulate=True)
        return counts / counts.sum(0).clamp_min(1)
