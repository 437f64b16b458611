"""What falls: rain and snow, over everything, in the picture only."""

import numpy as np

from . import palette
from .canvas import SIZE, Canvas
from .splat import blend, splat
from .stage import Stage

_CELLS = 8
_PITCH = SIZE // _CELLS


def weather(canvas: Canvas, stage: Stage) -> None:
    """Draw the strokes of rain and storm, and the flakes of snow."""
    for name, share, lean in (("rain", 0.5, 0.25), ("storm", 0.72, 0.5)):
        rows = stage.where(weather=name)
        if rows:
            _strokes(canvas, stage, rows, share, lean)
    rows = stage.where(weather="snow")
    if rows:
        _flakes(canvas, stage, rows)


def _strokes(canvas: Canvas, stage: Stage, rows: list[int], share: float, lean: float) -> None:
    """At most one slanted stroke in each 16x16 cell; they fall 64 pixels a second."""
    u = stage.uniform("rain", _CELLS * _CELLS * 3, rows).reshape(len(rows), -1, 3)
    column, row = np.meshgrid(np.arange(_CELLS), np.arange(_CELLS))
    # neighbouring columns are staggered by half a cell, which hides the grid
    x = column.ravel() * _PITCH + 8 + 4 * u[..., 0]
    y = row.ravel() * _PITCH + 5 * u[..., 1] + 8 * (column.ravel() % 2)
    y = np.floor(y) + np.floor(64 * stage.time[rows])[:, None]
    length = 11
    step = np.arange(length, dtype=np.float32)
    across = np.arange(-1, 2, dtype=np.float32)
    centre = x[..., None] - lean * step
    px = np.floor(centre)[..., None] + across
    cover = np.clip(1.15 - np.abs(px + 0.5 - centre[..., None]), 0, 1) * 0.55
    cover = cover * (u[..., 2] < share)[..., None, None]
    py = (y[..., None] + step)[..., None]
    i, px, py = np.broadcast_arrays(np.array(rows)[:, None, None, None], px, py)
    keep = (cover > 0) & (px >= 0) & (px < SIZE)
    blend(canvas, i[keep], px[keep], py[keep], cover[keep], palette.rgb("dce8f5"))


def _flakes(canvas: Canvas, stage: Stage, rows: list[int]) -> None:
    """At most one flake in each 16x16 cell; they sink 12 pixels a second."""
    u = stage.uniform("snow", _CELLS * _CELLS * 4, rows).reshape(len(rows), -1, 4)
    column, row = np.meshgrid(np.arange(_CELLS), np.arange(_CELLS))
    x = column.ravel() * _PITCH + 3.5 + 9 * u[..., 0]
    y = row.ravel() * _PITCH + 3.5 + 9 * u[..., 1] + (12 * stage.time[rows])[:, None]
    radius = np.where(u[..., 3] < 0.72, 1.35 + 0.75 * u[..., 2], -2).astype(np.float32)
    splat(canvas, rows, x, y.astype(np.float32), radius, palette.rgb("ffffff"), 0.95)
