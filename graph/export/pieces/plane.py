"""The plane: samples of two numbers, many to a picture."""

from __future__ import annotations

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from graph.export.pieces.draws import Draws
from graph.export.pieces.settings import DEVICE


class Points(Draws):
    """The same for samples that stand for many points each: [b·points, *shape]."""

    def ahead(self) -> Tensor:
        """The next draw, which stays the next."""
        return super().ahead().flatten(0, 1)


def by_point(points: int, *values: float) -> Tensor:
    """A number for all the points of every sample of the batch, [b·points, 1]."""
    return torch.tensor(values, device=DEVICE).repeat_interleave(points)[:, None]


def plotted(states: Tensor, points: int) -> list[Image.Image]:
    """A picture of so many points [n, 2] each, from −4 to 4 both ways."""
    drawn: list[Image.Image] = []
    for batch in states.float().cpu().reshape(-1, points, 2):
        picture = Image.new("RGB", (384, 384), (21, 22, 28))
        pen = ImageDraw.Draw(picture)
        for right, up in batch.tolist():
            x, y = (right / 4 + 1) * 192, (1 - up / 4) * 192
            pen.ellipse((x - 1.2, y - 1.2, x + 1.2, y + 1.2), fill=(232, 230, 225))
        drawn.append(picture)
    return drawn
