"""Small soft dots set pixel by pixel: stars and snowflakes."""

import numpy as np
import torch

from .canvas import SIZE, Canvas
from .palette import Colour
from .stage import Numbers

REACH = 3


def splat(
    canvas: Canvas,
    rows: list[int],
    x: Numbers,
    y: Numbers,
    radius: Numbers,
    colour: Colour,
    strength: float,
) -> None:
    """Dot the pictures `rows` at (x, y) [m,k] with discs of `radius` pixels [m,k].

    Dots must lie more than 2·REACH pixels apart, or one may overwrite the other's edge;
    a radius below -1 draws nothing. Rows beyond the bottom wrap around to the top.
    """
    reach = np.arange(-REACH, REACH + 1, dtype=np.float32)
    px = np.floor(x)[..., None, None] + reach
    py = np.floor(y)[..., None, None] + reach[:, None]
    away = np.sqrt((px + 0.5 - x[..., None, None]) ** 2 + (py + 0.5 - y[..., None, None]) ** 2)
    cover = np.clip(radius[..., None, None] + 0.5 - away, 0, 1) * np.float32(strength)
    picture, px, py = np.broadcast_arrays(np.array(rows)[:, None, None, None], px, py)
    keep = (cover > 0) & (px >= 0) & (px < SIZE)
    blend(canvas, picture[keep], px[keep], py[keep], cover[keep], colour)


def blend(
    canvas: Canvas,
    picture: Numbers,
    x: Numbers,
    y: Numbers,
    cover: Numbers,
    colour: Colour,
) -> None:
    """Mix `colour` into single pixels, each named once; rows wrap around."""
    device = canvas.planes.device
    i, column, row = (
        torch.as_tensor(v.astype(np.int64), device=device) for v in (picture, x, np.mod(y, SIZE))
    )
    weight = canvas.tensor(cover)[:, None]
    old = canvas.planes[i, :3, row, column]
    canvas.planes[i, :3, row, column] = old + (canvas.tensor(colour) - old) * weight
