"""Sky: gradient, stars, sun or moon, lightning."""

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from . import palette
from .canvas import SIZE, Canvas, Corner
from .shapes import circle, segment
from .splat import splat
from .stage import Numbers, Stage


def gradient(canvas: Canvas, stage: Stage) -> None:
    """Fill the pictures with three sky colours running from the top down to the horizon."""
    sky, horizon = canvas.tensor(stage.sky), canvas.tensor(stage.horizon)
    t = (canvas.y / horizon[:, None, None]).clamp(0, 1)[:, None]
    top, middle, low = (sky[:, i, :, None, None] for i in range(3))
    upper, lower = (t / 0.55).clamp(0, 1), ((t - 0.55) / 0.45).clamp(0, 1)
    rows = top + (middle - top) * upper + (low - middle) * lower
    canvas.picture.copy_(rows.expand(-1, -1, -1, SIZE))


def stars(canvas: Canvas, stage: Stage) -> None:
    """A few soft stars on clear nights, one at most in each cell of a coarse grid."""
    rows = stage.where(time="night", weather=("clear", "cloudy"))
    if not rows:
        return
    u = stage.uniform("stars", 7 * 4 * 4, rows).reshape(len(rows), 28, 4)
    column, row = np.meshgrid(np.arange(7), np.arange(4))
    x = column.ravel() * 18 + 4 + 10 * u[..., 0]
    y = row.ravel() * 16 + 3 + 10 * u[..., 1]
    radius = np.where(u[..., 3] < 0.6, 0.75 + 0.55 * u[..., 2], -2).astype(np.float32)
    splat(canvas, rows, x, y, radius, palette.rgb("fdf3cf"), 0.85)


def discs(canvas: Canvas, stage: Stage) -> None:
    """The sun or the moon with its glow."""
    rows = [i for i, scene in enumerate(stage.scenes) if scene.has_disc]
    if not rows:
        return
    window = canvas.cut([Corner(i, 0, 0) for i in rows], 96, SIZE)
    x = window.x - canvas.tensor(stage.disc_x[rows])[:, None, None]
    y = window.y - canvas.tensor(stage.disc_y[rows])[:, None, None]
    colours = [palette.disc(stage.scenes[i]) for i in rows]
    far = (x * x + y * y) / 900
    glow = window.colour(np.stack([c[1] for c in colours]))
    window.glaze(0.62 / (1 + far) ** 2, glow)
    canvas.paste(window, [Corner(i, 0, 0) for i in rows])
    for name in ("sun", "moon"):
        own = [i for i in rows if (stage.scenes[i].time == "night") == (name == "moon")]
        if own:
            _disc(canvas, stage, own, name)


def _disc(canvas: Canvas, stage: Stage, rows: list[int], name: str) -> None:
    u = stage.uniform("disc", 2, rows)
    cx, cy = stage.disc_x[rows], stage.disc_y[rows]
    corners = _around(rows, cx, cy, 32, 32)
    window = canvas.cut(corners, 32, 32)
    x = window.x - canvas.tensor(cx)[:, None, None]
    y = window.y - canvas.tensor(cy)[:, None, None]
    low = np.array([stage.scenes[i].time in ("dawn", "sunset") for i in rows], np.float32)
    radius = canvas.tensor(9 + 1.5 * u[:, 0] + 2.5 * low)[:, None, None]
    distance = circle(x, y, radius)
    if name == "moon":
        # a bite of another disc leaves a crescent; pushed far away, the moon is full
        push = canvas.tensor(np.where(u[:, 1] < 0.5, 6.5, 60).astype(np.float32))[:, None, None]
        distance = torch.maximum(distance, radius * 0.95 - circle(x - push, y + 2.5, 0.0))
    colour = np.stack([palette.disc(stage.scenes[i])[0] for i in rows])
    window.fill(distance, window.colour(colour), name, 0.0)
    canvas.paste(window, corners)


def _around(rows: list[int], x: Numbers, y: Numbers, width: int, height: int) -> list[Corner]:
    """Corners of windows that hold the points (x, y) as near their middle as the canvas allows."""
    left = np.clip(np.floor(x) - width // 2, 0, SIZE - width).astype(int).tolist()
    top = np.clip(np.floor(y) - height // 2, 0, SIZE - height).astype(int).tolist()
    return [Corner(i, a, b) for i, a, b in zip(rows, left, top, strict=True)]


def lightning(canvas: Canvas, stage: Stage) -> None:
    """One jagged bolt per storm, from the clouds to the land, with a faint halo."""
    rows = stage.where(weather="storm")
    if not rows:
        return
    u = stage.uniform("lightning", 2, rows)
    corners = _around(rows, stage.disc_x[rows], np.full(len(rows), 52, np.float32), 48, 96)
    window = canvas.cut(corners, 96, 48)
    side = canvas.tensor(np.where(u[:, 0] < 0.5, 1, -1).astype(np.float32))[:, None, None]
    x = (window.x - canvas.tensor(stage.disc_x[rows])[:, None, None]) * side
    y = window.y
    points = ((4.0, 12.0), (-5.0, 38.0), (4.0, 41.0), (-3.0, 62.0), (5.0, 64.0), (-2.0, 92.0))
    stroke: Tensor | None = None
    for a, b in pairwise(points):
        part = segment(x, y, a, b)
        stroke = part if stroke is None else torch.minimum(stroke, part)
    assert stroke is not None
    window.glaze(0.35 * (1 - stroke / 12).clamp(0, 1) ** 2, window.colour(palette.rgb("cdbcf5")))
    taper = 2.1 - (y - 12) * 0.008
    window.fill(stroke - taper, window.colour(palette.rgb("fff6c9")), "lightning", 0.25)
    canvas.paste(window, corners)
