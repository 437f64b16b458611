"""Flat-bottomed poster clouds."""

import numpy as np
import torch

from . import palette
from .canvas import SIZE, Canvas, Corner
from .shapes import circle
from .stage import Stage

# per weather: how many clouds, and their height range
_AMOUNTS = {"clear": 0, "cloudy": 4, "rain": 5, "snow": 3, "storm": 6}
_SLOTS = ((24, 20), (88, 14), (56, 34), (116, 38), (8, 42), (70, 8))
_WIDTH, _HEIGHT = 64, 32


def clouds(canvas: Canvas, stage: Stage) -> None:
    """Draw each picture's clouds; they drift with time and pass behind everything on land."""
    for slot, (x0, y0) in enumerate(_SLOTS):
        rows = [i for i, s in enumerate(stage.scenes) if _AMOUNTS[s.weather] > slot]
        if rows:
            _layer(canvas, stage, rows, slot, x0, y0)


def _layer(canvas: Canvas, stage: Stage, rows: list[int], slot: int, x0: int, y0: int) -> None:
    u = stage.uniform(f"cloud {slot}", 8, rows)
    shift = stage.uniform("clouds", 2, rows)
    drift = stage.time[rows] * (1.5 + u[:, 7])
    cx = np.mod(x0 + 128 * shift[:, 0] + 20 * (u[:, 0] - 0.5) + drift + 24, SIZE + 48) - 24
    cy = y0 + 8 * (u[:, 1] - 0.5) + 4 * shift[:, 1]
    left = np.clip(np.floor(cx) - _WIDTH // 2, 0, SIZE - _WIDTH).astype(int).tolist()
    top = np.clip(np.floor(cy) - 20, 0, SIZE - _HEIGHT).astype(int).tolist()
    corners = [Corner(i, a, b) for i, a, b in zip(rows, left, top, strict=True)]
    window = canvas.cut(corners, _HEIGHT, _WIDTH)
    size = canvas.tensor(0.85 + 0.35 * u[:, 2])[:, None, None]
    flip = canvas.tensor(np.where(u[:, 3] < 0.5, -1, 1).astype(np.float32))[:, None, None]
    x = (window.x - canvas.tensor(cx)[:, None, None]) / size * flip
    y = (window.y - canvas.tensor(cy)[:, None, None]) / size
    a, b, c = (canvas.tensor(u[:, k])[:, None, None] for k in (4, 5, 6))
    puffs = torch.minimum(
        torch.minimum(circle(x + 9 + 2 * a, y + 0.5, 5.5 + a), circle(x + 1, y + 3.5, 8.0 + b)),
        torch.minimum(circle(x - 8 - b, y + 1.5, 6.2 + c), circle(x - 16 - c, y + 0.2, 3.8)),
    )
    puffs = torch.minimum(puffs, circle(x + 17 + 2 * a, y - 0.5, 3.4))
    window.scale = size
    tones = [palette.cloud(stage.scenes[i]) for i in rows]
    lit, shaded = (window.colour(np.stack([t[k] for t in tones])) for k in (0, 1))
    cloud = torch.maximum(puffs, y - 3.2)
    window.fill(cloud, lit, "cloud", 0.04)
    window.shade(torch.maximum(cloud, 0.2 - y + 0.06 * x), shaded)
    canvas.paste(window, corners)
