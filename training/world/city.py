"""A skyline over a promenade."""

import numpy as np
import torch

from . import palette
from .canvas import INK, SIZE, Canvas, Corner
from .stage import Numbers, Stage

_TOP, _HEIGHT = 24, 104
_COLUMNS = np.arange(SIZE, dtype=np.float32) + 0.5


def city(canvas: Canvas, stage: Stage) -> None:
    """Draw two rows of buildings, lit windows and the street before them."""
    rows = stage.where(ground="city")
    if not rows:
        return
    corners = [Corner(i, 0, _TOP) for i in rows]
    window = canvas.cut(corners, _HEIGHT, SIZE)
    u, horizon = stage.uniform("city", 80, rows), stage.horizon[rows]
    _row(window, stage, rows, u[:, :20], horizon - 4, (10, 28), ("7c84a8", 0.42))
    front, start = _row(window, stage, rows, u[:, 20:40], horizon, (8, 23), ("4b4a73", 0.1))
    _windows(window, stage, rows, u[:, 40:], front, start)
    _street(window, stage, rows)
    canvas.paste(window, corners)


def _row(
    window: Canvas,
    stage: Stage,
    rows: list[int],
    u: Numbers,
    base: Numbers,
    tall: tuple[float, float],
    tone: tuple[str, float],
) -> tuple[Numbers, Numbers]:
    """Flat-roofed houses side by side; their roof line and left wall per column, both [m,128]."""
    widths = np.floor(10 + 8 * u[:, :10])
    walls = np.cumsum(widths, 1) - np.floor(10 * u[:, 10:11])
    index = np.minimum((_COLUMNS[None, :, None] > walls[:, None, :]).sum(-1), 9)
    tops = np.floor(base[:, None] - tall[0] - (tall[1] - tall[0]) * u[:, 10:20])
    roof = np.take_along_axis(tops, index, 1)
    start = np.take_along_axis(walls - widths, index, 1)
    height = window.tensor(roof)[:, None, :]
    code, haze = tone
    depth = 0.3 if haze < 0.3 else 0.26
    window.fill(height - window.y, window.colour(stage.far(code, rows, haze)), "city", depth)
    before = np.concatenate((roof[:, :1], roof[:, :-1]), 1)
    high, low = (window.tensor(f(roof, before))[:, None, :] for f in (np.minimum, np.maximum))
    step = (low > high) & (window.y > high) & (window.y < low)
    window.planes[:, INK].masked_fill_(step, 1.0)
    return roof, start


def _windows(
    window: Canvas, stage: Stage, rows: list[int], u: Numbers, roof: Numbers, start: Numbers
) -> None:
    """Windows of 3x3 pixels on a 6x7 grid, some lit."""
    x = _COLUMNS - start - 2
    column = np.floor(x / 6)
    inside_x = ((x - 6 * column) < 3) & (x > 0)
    depth = window.y - window.tensor(roof)[:, None, :] - 3
    floor = torch.floor(depth / 7)
    above = window.y < window.tensor(stage.horizon[rows])[:, None, None] - 2
    inside = (
        above
        & (depth > 0)
        & (depth - 7 * floor < 3)
        & window.tensor(inside_x.astype(np.float32))[:, None, :].bool()
    )
    # which windows are lit: a small table of chances looked up by wall, column and floor
    cell = window.tensor(np.mod(start * 3 + column * 5, 40))[:, None, :]
    key = torch.remainder(cell + floor * 7, 40).long()
    table = window.tensor(u)
    chance = table.gather(1, key.flatten(1)).view_as(key)
    dark = {"night": 0.55, "sunset": 0.5, "dawn": 0.35, "day": 0.3}
    share = window.tensor(np.array([dark[stage.scenes[i].time] for i in rows], np.float32))
    lit = inside & (chance < share[:, None, None])
    glow = [palette.rgb("cfe3f2" if stage.scenes[i].time == "day" else "ffd877") for i in rows]
    window.glaze(lit.float() * 0.9, window.colour(np.stack(glow)))


def _street(window: Canvas, stage: Stage, rows: list[int]) -> None:
    line = window.tensor(stage.horizon[rows])[:, None, None]
    t = ((window.y - line) / (SIZE - line)).clamp(0, 1)[:, None]
    far, near = (window.colour(stage.land(code, rows)) for code in ("d9c7b4", "a8958f"))
    depth = 0.35 + 0.65 * t[:, 0]
    ground = (line - window.y).expand(-1, -1, SIZE)
    window.fill(ground, far + (near - far) * t, "street", depth)
    # the carriageway with its dashed line
    road = torch.maximum(line + 27 - window.y, window.y - line - 41).expand(-1, -1, SIZE)
    window.shade(road, window.colour(stage.land("5b566b", rows)))
    window.line(road, 0.45)
    dash = torch.maximum(
        (torch.remainder(window.x, 26) - 13).abs() - 7, (window.y - line - 34).abs() - 1
    )
    window.shade(dash, window.colour(stage.land("f3e6c4", rows)))
