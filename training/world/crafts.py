"""Sailboats and balloons; y points down."""

import torch

from . import palette
from .canvas import Canvas
from .shapes import box, circle, polygon, segment, trapezoid
from .thing import Thing


def sailboat(w: Canvas, thing: Thing) -> None:
    """Two coloured sails over a dark hull, mirrored in the water; the origin is the waterline."""
    flip = torch.where(w.tensor(thing.u[:, 0])[:, None, None] < 0.5, 1.0, -1.0)
    x, y = w.x * flip, w.y
    lens = torch.remainder(y, 3.2) - 1.6
    mirror = (9.5 - y * 0.7 - x.abs()).clamp(0, 1) * (1.35 - lens.abs()).clamp(0, 1) * (y > 1.2)
    w.glaze(mirror * (1 - y / 11).clamp(0, 1) * 0.55, w.colour(thing.body))
    main = polygon(x, y, (1.2, -27), (3.6, -22), (11.5, -6), (1.2, -6))
    w.fill(main, w.colour(thing.body), "sailboat", thing.depth)
    jib = polygon(x, y, (-1.0, -23), (-1.0, -6), (-10, -6))
    w.fill(jib, w.colour(thing.lit(0.32)), "sailboat", thing.depth)
    w.fill(box(x, y + 16.5, 0.8, 12), w.colour(thing.plain("4a3428")), "sailboat", thing.depth, 0.0)
    hull = polygon(x, y, (-12, -4.2), (12.5, -4.2), (9, 1.4), (-9, 1.4))
    w.fill(hull, w.colour(thing.plain("4d3227")), "sailboat", thing.depth)
    w.shade(torch.maximum(hull, y + 2.6), w.colour(thing.plain("f2e3c6")))


def balloon(w: Canvas, thing: Thing) -> None:
    """A hot-air balloon with paler gores; the origin is the middle of the envelope."""
    x, y = w.x, w.y
    rope = torch.minimum(segment(x, y, (-4, 12), (-2, 17)), segment(x, y, (4, 12), (2, 17)))
    w.fill(rope - 0.45, w.colour(thing.plain("5a4030")), "balloon", thing.depth, 0.0)
    taper = trapezoid(x, y, 8.0, 3.4, 6.2, 13.0)
    skin = torch.minimum(circle(x, y, 10.2), taper)
    w.fill(skin, w.colour(thing.body), "balloon", thing.depth)
    half = torch.sqrt((106 - y * y).clamp(min=9)) - (y - 6).clamp(min=0) * 0.28
    across = x.abs() / half
    pale = torch.maximum(skin, ((across - 0.5).abs() - 0.17) * half)
    w.shade(pale, w.colour(palette.mix(thing.body, thing.second("b4bcd2"), 0.55)))
    w.line(pale, 0.5)
    w.shade(torch.maximum(skin, 0.67 * half - x), w.colour(thing.shaded(0.22)))
    w.fill(box(x, y - 18.6, 2.8, 2.2), w.colour(thing.plain("6b452c")), "balloon", thing.depth)
