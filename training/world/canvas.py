"""A stack of pictures with their mask, depth and sketch, painted from back to front."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .classes import CLASS_INDEX

SIZE = 128
LABEL, DEPTH, INK = 3, 4, 5
LINE = 0.65  # half the width of a sketched line, in pixels


@dataclass(frozen=True)
class Corner:
    """Where a window sits: which picture of the stack, and its top left pixel."""

    picture: int
    x: int
    y: int


class Canvas:
    """Planes [m,6,h,w]: red, green, blue, label, depth, ink; with coordinates for drawing.

    x [*,1,w] and y [*,h,1] are measured in units of `scale` pixels from the thing being drawn.
    """

    def __init__(self, planes: Tensor, x: Tensor, y: Tensor, scale: Tensor | float = 1.0) -> None:
        """Draw on these planes."""
        self.planes, self.x, self.y, self.scale = planes, x, y, scale
        self.picture = planes[:, :3]

    def tensor(self, values: NDArray[np.floating[Any]]) -> Tensor:
        """Numbers as a tensor beside the planes."""
        plain = np.ascontiguousarray(values, dtype=np.float32)
        return torch.as_tensor(plain, device=self.planes.device)

    def colour(self, values: NDArray[np.floating[Any]]) -> Tensor:
        """Colours [m,3] or [3] ready to be painted: [m,3,1,1]."""
        return self.tensor(np.atleast_2d(values))[:, :, None, None]

    def shade(self, distance: Tensor, colour: Tensor, strength: float | Tensor = 1.0) -> None:
        """Colour the inside of a shape without making it a region of its own."""
        cover = (0.5 - distance * self.scale).clamp_(0, 1)
        self.glaze(cover * strength, colour)

    def glaze(self, cover: Tensor, colour: Tensor) -> None:
        """Mix `colour` into the picture by `cover` [m,h,w] in [0,1]."""
        self.picture.lerp_(colour.expand_as(self.picture), cover[:, None].expand_as(self.picture))

    def fill(
        self, distance: Tensor, colour: Tensor, label: str, depth: float | Tensor, ink: float = 1.0
    ) -> None:
        """Paint a region: its colour, mask label, depth and outline."""
        pixels = distance * self.scale
        cover = (0.5 - pixels).clamp_(0, 1)
        self.glaze(cover, colour)
        inside = pixels < 0
        self.planes[:, LABEL].masked_fill_(inside, float(CLASS_INDEX[label]))
        if isinstance(depth, float):
            self.planes[:, DEPTH].masked_fill_(inside, depth)
        else:
            far = self.planes[:, DEPTH]
            far.copy_(torch.where(inside, depth, far))
        lines = self.planes[:, INK]
        lines.mul_(cover.neg_().add_(1))
        if ink:
            stroke = pixels.abs_().neg_().add_(LINE + 0.5).clamp_(0, 1).mul_(ink)
            torch.maximum(lines, stroke, out=lines)

    def line(self, distance: Tensor, ink: float = 1.0) -> None:
        """Sketch the edge of a shape without painting it."""
        lines = self.planes[:, INK]
        stroke = (LINE + 0.5 - (distance * self.scale).abs_()).clamp_(0, 1).mul_(ink)
        torch.maximum(lines, stroke, out=lines)

    def cut(self, corners: Sequence[Corner], height: int, width: int) -> "Canvas":
        """Copy windows out of the stack; their coordinates are the stack's pixels."""
        parts = [self.planes[c.picture, :, c.y : c.y + height, c.x : c.x + width] for c in corners]
        left = self.tensor(np.array([c.x for c in corners], np.float32))
        top = self.tensor(np.array([c.y for c in corners], np.float32))
        x = torch.arange(width, device=left.device) + 0.5 + left[:, None, None]
        y = torch.arange(height, device=left.device)[:, None] + 0.5 + top[:, None, None]
        return Canvas(torch.stack(parts), x, y)

    def paste(self, window: "Canvas", corners: Sequence[Corner]) -> None:
        """Put windows back where they were cut."""
        height, width = window.planes.shape[-2:]
        for part, c in zip(window.planes, corners, strict=True):
            self.planes[c.picture, :, c.y : c.y + height, c.x : c.x + width] = part


def blank(count: int, device: torch.device) -> Canvas:
    """An empty stack; x and y are pixel centres."""
    planes = torch.zeros(count, 6, SIZE, SIZE, device=device)
    axis = torch.arange(SIZE, device=device, dtype=torch.float32) + 0.5
    return Canvas(planes, axis[None, None, :], axis[None, :, None])
