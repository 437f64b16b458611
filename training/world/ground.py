"""The land in front: sea, desert, meadow, snowfield."""

from torch import Tensor

from .backdrop import wave
from .canvas import SIZE, Canvas, Corner
from .city import city
from .sea import HEIGHT, TOP, nearness, sea
from .shapes import below
from .stage import Numbers, Stage


def grounds(canvas: Canvas, stage: Stage) -> None:
    """Draw each picture's ground from its horizon to the bottom edge."""
    painters = {"sea": sea, "desert": _desert, "meadow": _meadow, "snowfield": _snowfield}
    for name, painter in painters.items():
        rows = stage.where(ground=name)
        if rows:
            corners = [Corner(i, 0, TOP) for i in rows]
            window = canvas.cut(corners, HEIGHT, SIZE)
            painter(window, stage, rows)
            canvas.paste(window, corners)
    city(canvas, stage)


_Band = tuple[float, float, float, str, str]


def _bands(
    window: Canvas, stage: Stage, rows: list[int], u: Numbers, label: str, bands: tuple[_Band, ...]
) -> list[Tensor]:
    """Rolling land in bands (offset, swing, wave length, colour at its rim, colour below)."""
    horizon = stage.horizon[rows][:, None]
    line = window.tensor(horizon)[:, :, None]
    depth = nearness(window.y, line)
    found: list[Tensor] = []
    for k, (offset, swing, length, rim, foot) in enumerate(bands):
        height = horizon + offset + swing * wave(u[:, 4 * k : 4 * k + 4], length)
        distance = below(window.y, window.tensor(height))
        start = line + offset
        t = ((window.y - start) / 26).clamp(0, 1)[:, None]
        first, last = window.colour(stage.land(rim, rows)), window.colour(stage.land(foot, rows))
        if k == 0:
            window.fill(distance, first + (last - first) * t, label, depth)
        else:
            window.shade(distance, first + (last - first) * t)
            window.line(distance, 0.45)
        found.append(distance)
    return found


def _desert(window: Canvas, stage: Stage, rows: list[int]) -> None:
    u = stage.uniform("desert", 16, rows)
    bands = (
        (1.0, 1.6, 110.0, "f4d79a", "e6b96c"),
        (12.0, 4.0, 96.0, "eec27a", "dca256"),
        (27.0, 5.5, 120.0, "e2a95f", "c98844"),
    )
    _bands(window, stage, rows, u, "sand", bands)


def _meadow(window: Canvas, stage: Stage, rows: list[int]) -> None:
    u = stage.uniform("meadow", 16, rows)
    bands = (
        (1.0, 1.6, 120.0, "b7d96b", "96c653"),
        (11.0, 3.5, 100.0, "93c94f", "6fb240"),
        (26.0, 4.5, 130.0, "70b443", "4b9636"),
    )
    _bands(window, stage, rows, u, "grass", bands)


def _snowfield(window: Canvas, stage: Stage, rows: list[int]) -> None:
    u = stage.uniform("snowfield", 16, rows)
    bands = (
        (1.0, 1.6, 120.0, "f6f8fb", "dfe8f3"),
        (12.0, 4.0, 100.0, "fbfcfd", "d3dfee"),
        (27.0, 5.0, 130.0, "f8fafc", "c4d3e8"),
    )
    _bands(window, stage, rows, u, "snow", bands)
