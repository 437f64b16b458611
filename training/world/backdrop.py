"""What stands behind the land: mountains, hills, forest."""

import numpy as np
import torch
from torch import Tensor

from .canvas import SIZE, Canvas, Corner
from .shapes import below
from .stage import Numbers, Stage

_COLUMNS = np.arange(SIZE, dtype=np.float32) + 0.5
_TOP, _HEIGHT = 16, 88


def backdrops(canvas: Canvas, stage: Stage) -> None:
    """Draw each picture's background down to below its horizon."""
    for name, painter in (("mountains", _mountains), ("hills", _hills), ("forest", _forest)):
        rows = stage.where(background=name)
        if rows:
            corners = [Corner(i, 0, _TOP) for i in rows]
            window = canvas.cut(corners, _HEIGHT, SIZE)
            painter(window, stage, rows)
            canvas.paste(window, corners)


def wave(u: Numbers, length: float) -> Numbers:
    """A smooth profile [m,128] in about [-1,1] made of parabolic arcs, periods near `length`.

    Arcs of polynomials rather than sines: their value is the same on every machine.
    """

    def arcs(phase: Numbers, period: Numbers) -> Numbers:
        t = _COLUMNS / period[:, None] + phase[:, None]
        t = 2 * (t - np.floor(t)) - 1
        return 4 * t * (1 - np.abs(t))

    first = arcs(u[:, 0], length * (0.8 + 0.4 * u[:, 1]))
    return 0.72 * first + 0.28 * arcs(u[:, 2], length * (0.42 + 0.16 * u[:, 3]))


def _peaks(u: Numbers, horizon: Numbers, high: float, steep: float) -> tuple[Numbers, ...]:
    """A ridge of four peaks: its profile, and the nearest peak's column and height; [m,128]."""
    k = np.arange(4, dtype=np.float32)
    x = (k * 40 - 6 + 26 * (u[:, :4] - 0.5))[..., None]
    y = (horizon[:, None] - high * (0.52 + 0.48 * u[:, 4:8]))[..., None]
    sides = np.where(x < _COLUMNS, steep * (0.8 + 0.4 * u[:, 8:12, None]), steep * 1.0)
    fall = y + np.abs(_COLUMNS - x) * sides
    nearest = fall.argmin(1)[:, None]
    found = (np.take_along_axis(np.broadcast_to(v, fall.shape), nearest, 1)[:, 0] for v in (x, y))
    return fall.min(1), *found


def _mountains(window: Canvas, stage: Stage, rows: list[int]) -> None:
    u, horizon = stage.uniform("mountains", 34, rows), stage.horizon[rows] - stage.rise[rows]
    far, _, _ = _peaks(u[:, :12], horizon - 4, 40, 0.62)
    window.fill(
        below(window.y, window.tensor(far)),
        window.colour(stage.far("6d7fa6", rows, 0.62)),
        "mountain",
        0.12,
        ink=0.6,
    )
    near, peak, top = _peaks(u[:, 12:24], horizon, 46, 0.95)
    distance = below(window.y, window.tensor(near))
    window.fill(distance, window.colour(stage.far("5b6690", rows, 0.22)), "mountain", 0.18)
    # the ridge's shadow side: right of a line that wanders down from the nearest peak
    zig = window.tensor(_zigzag(12.0, 2.2))[None]
    x, y = window.x, window.y
    lean = (y - window.tensor(near)[:, None, :]) * 0.22
    side = window.tensor(peak)[:, None, :] - x + lean + zig[..., _TOP : _TOP + _HEIGHT, None]
    shadow = torch.maximum(distance, side)
    window.shade(shadow, window.colour(stage.far("3c4470", rows, 0.16)))
    # lower peaks carry less snow
    cap = top + 4 + 0.16 * (horizon[:, None] - top) + _zigzag(9.0, 2.6)
    snow = torch.maximum(distance, y - window.tensor(cap)[:, None, :])
    window.shade(snow, window.colour(stage.far("fbfaf6", rows, 0.08)))
    window.shade(torch.maximum(snow, side), window.colour(stage.far("b9c6e2", rows, 0.1)))


def _zigzag(period: float, height: float) -> Numbers:
    """A triangle wave [128] of `height` pixels either way."""
    t = _COLUMNS / period
    return ((np.abs(t - np.floor(t) - 0.5) * 4 - 1) * height).astype(np.float32)


def _hills(window: Canvas, stage: Stage, rows: list[int]) -> None:
    u, horizon = stage.uniform("hills", 12, rows), (stage.horizon - stage.rise)[rows, None]
    layers = (
        (24, 6.5, 96, "7fa68c", 0.5),
        (15, 5, 80, "6c9a5e", 0.26),
        (7, 3.5, 66, "55843f", 0.1),
    )
    for k, (lift, swing, length, code, haze) in enumerate(layers):
        height = horizon - lift + swing * wave(u[:, 4 * k : 4 * k + 4], length)
        window.fill(
            below(window.y, window.tensor(height)),
            window.colour(stage.far(code, rows, haze)),
            "hills",
            0.16 + 0.05 * k,
            ink=1.0 if k == 0 else 0.6,
        )


def _firs(u: Numbers, base: Numbers, tall: float, pitch: float) -> Numbers:
    """The outline of a row of fir trees [m,128] above `base` [m,1]."""
    t = _COLUMNS / pitch + u[:, :1]
    cell = np.floor(t).astype(int)
    grown = np.take_along_axis(u, 1 + np.mod(cell, u.shape[1] - 1), 1)
    spike = 1 - np.abs(t - cell - 0.5) * 2
    return base - tall * (0.55 + 0.45 * grown) * spike - tall * 0.25


def _forest(window: Canvas, stage: Stage, rows: list[int]) -> None:
    u, horizon = stage.uniform("forest", 40, rows), (stage.horizon - stage.rise)[rows, None]
    back = _firs(u[:, :20], horizon - 5 + 2 * wave(u[:, :4], 90), 19, 13)
    front = _firs(u[:, 20:], horizon + 1, 15, 9.5)
    tones: tuple[tuple[Numbers, str, float, float], ...] = (
        (back, "3f7f6d", 0.34, 0.22),
        (front, "14523f", 0.06, 0.28),
    )
    for k, (height, code, haze, depth) in enumerate(tones):
        distance: Tensor = below(window.y, window.tensor(height))
        colour = window.colour(stage.far(code, rows, haze))
        window.fill(distance, colour, "forest", depth, ink=1.0 if k == 0 else 0.6)
