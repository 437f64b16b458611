"""The sea, and the slope of depth and colour that every ground shares."""

import numpy as np
from torch import Tensor

from . import palette
from .canvas import SIZE, Canvas
from .stage import Numbers, Stage

TOP, HEIGHT = 64, 64  # the rows of the window in which ground is drawn


def nearness(y: Tensor, horizon: Tensor) -> Tensor:
    """Depth of land at height y: 0.35 on the horizon, 1 at the bottom edge."""
    return 0.35 + 0.65 * ((y - horizon) / (SIZE - horizon)).clamp(0, 1)


def ramp(y: Tensor, horizon: Tensor, far: Tensor, near: Tensor) -> Tensor:
    """A colour gradient [m,3,h,1] from the horizon to the bottom edge."""
    t = ((y - horizon) / (SIZE - horizon)).clamp(0, 1)[:, None]
    return far + (near - far) * t


def dashes(
    window: Canvas, centre: Numbers, half: Numbers, pitch: float, shift: Numbers, thick: float
) -> Tensor:
    """Cover [m,h,w] of lens-shaped horizontal dashes, one per `pitch` rows.

    `centre` and `half` [m,k] give each dash's middle column and half length; `shift` [m] moves
    the rows down. Rows are looked up, so the cost does not grow with the number of dashes.
    """
    rows = (window.y[0, :, 0].cpu().numpy() - TOP)[None] - shift[:, None]
    index = np.clip(np.floor(rows / pitch).astype(int), 0, centre.shape[1] - 1)
    off = (rows / pitch - np.floor(rows / pitch) - 0.5) * pitch
    fade = np.clip((thick + 0.5 - np.abs(off)), 0, 1)
    take = np.take_along_axis
    reach = take(half, index, 1) * np.clip(1 - (off / (thick + 0.6)) ** 2, 0, 1)
    middle = window.tensor(take(centre, index, 1))[:, :, None]
    edge = window.tensor(reach)[:, :, None] - (window.x - middle).abs()
    return (edge / 2 + 0.5).clamp_(0, 1) * window.tensor(fade)[:, :, None]


def sea(window: Canvas, stage: Stage, rows: list[int]) -> None:
    """Water that reflects the hour, with wave crests and the glitter of a sun or moon."""
    u, horizon = stage.uniform("sea", 40, rows), stage.horizon[rows]
    line = window.tensor(horizon)[:, None, None]
    water = np.array(
        [palette.sea(stage.scenes[i], float(v[0])) for i, v in zip(rows, u, strict=True)]
    )
    far, near = palette.mix(water[:, 0], stage.sky[rows, 2], 0.15), water[:, 1]
    colour = ramp(window.y, line, window.colour(far), window.colour(near))
    surface = (line - window.y).expand(-1, -1, SIZE)
    window.fill(surface, colour, "sea", nearness(window.y, line))
    on_water = (window.y > line + 1.5).float()
    k = np.arange(10, dtype=np.float32)
    sway = np.abs(np.mod(stage.time[rows] * 0.5 + u[:, 39], 2) - 1)[:, None]
    waves = dashes(
        window,
        128 * u[:, 1:11] + 6 * sway,
        5 + 1.1 * k + 5 * u[:, 11:21],
        6.4,
        horizon - TOP - 6 * u[:, 38],
        0.8,
    )
    crest = window.colour(palette.mix(far, stage.sky[rows, 2], 0.45))
    window.glaze(waves * on_water * 0.55, crest)
    shown = np.array([stage.scenes[i].has_disc for i in rows], np.float32)
    low = np.array([stage.scenes[i].time != "day" for i in rows], np.float32)
    band = dashes(
        window,
        stage.disc_x[rows, None] + 7 * (u[:, 21:31] - 0.5) + 2 * sway,
        (2.5 + 0.9 * k + 8 * u[:, 28:38]) * (0.7 + 0.3 * low)[:, None],
        4.6,
        horizon - TOP,
        1.2,
    )
    disc = np.stack([palette.disc(stage.scenes[i])[0] for i in rows])
    glint = window.colour(palette.mix(disc, palette.rgb("ffffff"), 0.35))
    strength = window.tensor(shown * (0.5 + 0.4 * low))[:, None, None]
    window.glaze(band * on_water * strength, glint)
