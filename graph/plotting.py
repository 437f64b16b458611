"""Densities of the plane as light, as lines of equal height, and points over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

Colour = tuple[int, int, int]
Light = NDArray[np.float64]
GROUND, TEXT = (21, 22, 28), (232, 230, 225)
FIRST, SECOND, NAMED = (242, 180, 92), (108, 197, 224), (183, 156, 242)
COLOURS = (FIRST, SECOND, (111, 207, 151), (231, 146, 184), (195, 207, 111), (239, 125, 107))
"""Of experts, in the order in which they are wired."""
HEIGHTS = (-0.5, -2.0)
"""Log densities under the top at which a heap has a line: one and two deviations away."""


def grid(side: int, reach: float) -> Tensor:
    """The middle of every pixel of a square, [side², 2] in float64, the first row on top."""
    across = (torch.arange(side, dtype=torch.float64) + 0.5) / side * 2 * reach - reach
    down, right = torch.meshgrid(-across, across, indexing="ij")
    return torch.stack([right, down], -1).reshape(-1, 2)


def shade(logs: Light) -> Light:
    """Densities between 0 and 1, the faint ones lifted so that they can be seen."""
    return np.exp(0.6 * (logs - logs.max()))


def panel(shades: Sequence[tuple[Light, Colour]], side: int) -> Image.Image:
    """Each shade [side, side] in its colour, laid over one another as light is."""
    light = np.full((side, side, 3), GROUND, dtype=np.float64)
    for each, colour in shades:
        light += 0.75 * each[..., None] * (np.array(colour) - GROUND)
    return Image.fromarray(light.clip(0, 255).astype(np.uint8))


def contour(picture: Image.Image, logs: Light, colour: Colour, strength: float) -> Image.Image:
    """The picture with thin lines where log densities [h, w] have the heights."""
    down, right = np.gradient(logs)
    slope = np.hypot(down, right) + 1e-9
    off = np.stack([np.abs(logs - logs.max() - height) / slope for height in HEIGHTS]).min(0)
    ink = (255 * strength * (1.3 - off).clip(0.0, 1.0)).astype(np.uint8)
    return Image.composite(Image.new("RGB", picture.size, colour), picture, Image.fromarray(ink))


def dots(picture: Image.Image, points: Tensor, reach: float, radius: float = 1.0) -> Image.Image:
    """The picture with points [n, 2] over it."""
    shown, side = picture.copy(), picture.width
    pen = ImageDraw.Draw(shown)
    for right, up in cast("list[tuple[float, float]]", points.tolist()):
        x, y = (right / reach + 1) * side / 2, (1 - up / reach) * side / 2
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=TEXT)
    return shown
