"""Houses, lighthouses and bridges; the origin is the middle of the foot, y points down."""

import numpy as np
import torch

from .canvas import Canvas
from .shapes import box, circle, ellipse, polygon, trapezoid
from .thing import Thing


def house(w: Canvas, thing: Thing) -> None:
    """A cottage with coloured walls, a slate roof, a chimney and a lit window."""
    x, y, slate = w.x, w.y, w.colour(thing.plain("4a4258"))
    w.shade(ellipse(x - 3, y - 0.6, 13, 1.8), w.colour(thing.plain("2b2745")), 0.22)
    w.fill(box(x - 5.5, y + 18, 1.6, 3.5), slate, "house", thing.depth, 0.8)
    wall = box(x, y + 6.5, 9.2, 6.5)
    w.fill(wall, w.colour(thing.body), "house", thing.depth)
    w.shade(box(x - 6.2, y + 6.5, 3.0, 6.5), w.colour(thing.shaded(0.22)))
    roof = polygon(x, y, (-7.5, -21), (7.5, -21), (12, -12.2), (-12, -12.2))
    w.fill(roof, slate, "house", thing.depth)
    door = box(x + 4.2, y + 4.0, 2.1, 4.0)
    w.shade(door, w.colour(thing.plain("3a2f45")))
    w.line(door, 0.8)
    pane = box(x - 3.6, y + 7.0, 2.5, 2.4)
    w.shade(pane, w.colour(thing.lamp("cfe6f5")))
    w.line(pane, 0.8)


def lighthouse(w: Canvas, thing: Thing) -> None:
    """A banded tower with a lantern; on the sea it stands on a rock, by night it shines."""
    x, y, slate = w.x, w.y, w.colour(thing.plain("3a3550"))
    night = w.tensor(thing.night())[:, None, None]
    beam = (1.2 + x.abs() * 0.16 - (y + 30.5).abs()).clamp(0, 1) * (1 - x.abs() / 22).clamp(0, 1)
    w.glaze(beam * night * 0.75, w.colour(thing.plain("fff0b0")))
    sea = np.array([s.ground == "sea" for s in thing.scenes], np.float32)
    rock_y = y + 1.0 + w.tensor((1 - sea) * 99)[:, None, None]
    rock = torch.maximum(ellipse(x, rock_y, 10.5, 5.0), y - 2.2)
    w.fill(rock, w.colour(thing.plain("5a5062")), "lighthouse", thing.depth)
    tower = trapezoid(x, y, 3.2, 5.2, -27.5, -0.5)
    w.fill(tower, w.colour(thing.body), "lighthouse", thing.depth)
    for low, high in ((-9.5, -5.2), (-19.5, -14.8)):
        stripe = torch.maximum(tower, torch.maximum(low - y, y - high))
        w.shade(stripe, w.colour(thing.second("aab2c8")))
        w.line(stripe, 0.6)
    w.shade(torch.maximum(tower, 1.6 - x), w.colour(thing.plain("2a2550")), 0.2)
    w.fill(box(x, y + 33, 2.4, 2.8), w.colour(thing.lamp("ffeaa0")), "lighthouse", thing.depth, 0.6)
    w.fill(box(x, y + 28.2, 4.8, 1.0), slate, "lighthouse", thing.depth, 0.6)
    cap = polygon(x, y, (-0.8, -38), (0.8, -38), (3.6, -34.5), (-3.6, -34.5))
    w.fill(cap, slate, "lighthouse", thing.depth)


def bridge(w: Canvas, thing: Thing) -> None:
    """A humped bridge of three arches with its dim reflection."""
    x, y = w.x, w.y
    mirror = torch.maximum(x.abs() - 17, torch.maximum(-y, y - 5))
    w.shade(mirror, w.colour(thing.shaded(0.35)), 0.3)
    hump = x * x * 0.0075 - 15.5
    body = torch.maximum(torch.maximum(hump - y, y - 0.0), x.abs() - 18.5)
    for middle in (-11.5, 0.0, 11.5):
        hole = torch.minimum(circle(x - middle, y + 4.8, 4.3), box(x - middle, y + 2, 4.3, 2.8))
        body = torch.maximum(body, -hole)
    w.fill(body, w.colour(thing.body), "bridge", thing.depth)
    rail = torch.maximum(body, y - hump - 3.0)
    w.shade(rail, w.colour(thing.lit(0.4)))
    w.line(torch.maximum(body, hump + 3.0 - y), 0.45)
