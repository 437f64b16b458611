"""Trees and birds; y points down."""

import torch

from .canvas import Canvas
from .shapes import box, circle, ellipse, polygon, segment
from .thing import Thing


def tree(w: Canvas, thing: Thing) -> None:
    """A round tree, a poplar or a fir, with a lit side; the origin is the foot."""
    x, y = w.x, w.y
    w.shade(ellipse(x - 2, y - 0.4, 8, 1.5), w.colour(thing.plain("2b2745")), 0.22)
    trunk = box(x, y + 4, 1.5, 4.5)
    w.fill(trunk, w.colour(thing.plain("5b3d2e")), "tree", thing.depth)
    crown, bright = (_round, _poplar, _fir)[thing.variant](x, y)
    w.fill(crown, w.colour(thing.body), "tree", thing.depth)
    w.shade(torch.maximum(crown, bright), w.colour(thing.lit(0.26)))


def _round(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    puffs = torch.minimum(circle(x + 4.6, y + 13, 6.4), circle(x - 4.6, y + 13, 6.4))
    return torch.minimum(puffs, circle(x, y + 18.5, 8.6)), circle(x + 5, y + 20, 9.0)


def _poplar(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return ellipse(x, y + 17, 6.8, 13.2), ellipse(x + 4, y + 19, 5.5, 12)


def _fir(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    tiers = [
        polygon(x, y, (-0.6, top), (0.6, top), (half, foot), (-half, foot))
        for top, foot, half in ((-30.0, -18.5, 6.6), (-23.0, -11.0, 8.6), (-16.0, -3.5, 10.4))
    ]
    return torch.minimum(torch.minimum(tiers[0], tiers[1]), tiers[2]), x + 0.4


def birds(w: Canvas, thing: Thing) -> None:
    """A flock of three gulls seen from afar; the origin is the leader."""
    stroke: torch.Tensor | None = None
    for cx, cy, size in ((0.0, 0.0, 1.0), (-12.5, 7.5, 0.85), (12.0, 6.0, 0.85)):
        # mirrored halves: one wing of two strokes drawn for both sides
        x, y = (w.x - cx).abs() / size, (w.y - cy) / size
        wing = torch.minimum(
            segment(x, y, (0.0, 0.6), (3.2, -2.6)), segment(x, y, (3.2, -2.6), (7.4, -1.4))
        )
        wing = (wing - 1.15) * size
        stroke = wing if stroke is None else torch.minimum(stroke, wing)
    assert stroke is not None
    w.fill(stroke, w.colour(thing.body), "birds", thing.depth)
