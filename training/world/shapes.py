"""Signed distances in pixels, negative inside; x is [*,1,w] or [*,h,w], y likewise."""

import torch
from torch import Tensor


def circle(x: Tensor, y: Tensor, radius: float | Tensor) -> Tensor:
    """Distance to a disc around the origin."""
    return torch.sqrt(x * x + y * y) - radius


def ellipse(x: Tensor, y: Tensor, rx: float, ry: float) -> Tensor:
    """Distance to an ellipse, exact to first order near its edge."""
    u, v = x / rx, y / ry
    level = u * u + v * v - 1
    slope = 2 * torch.sqrt((u / rx) ** 2 + (v / ry) ** 2)
    return level / slope.clamp(min=1e-3)


def box(x: Tensor, y: Tensor, half_width: float, half_height: float) -> Tensor:
    """Distance to an axis-aligned box; corners are mitred."""
    return torch.maximum(x.abs() - half_width, y.abs() - half_height)


def trapezoid(x: Tensor, y: Tensor, top: float, bottom: float, y0: float, y1: float) -> Tensor:
    """Distance to a symmetric trapezoid of half widths `top` at y0 and `bottom` at y1 > y0."""
    grow = (bottom - top) / (y1 - y0)
    side = (x.abs() - (top + (y - y0) * grow)) / (1 + grow * grow) ** 0.5
    return torch.maximum(side, torch.maximum(y0 - y, y - y1))


def polygon(x: Tensor, y: Tensor, *corners: tuple[float, float]) -> Tensor:
    """Distance to a convex polygon given clockwise as seen on screen; corners are mitred."""
    found: Tensor | None = None
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        length = ((bx - ax) ** 2 + (by - ay) ** 2) ** 0.5
        nx, ny = (by - ay) / length, (ax - bx) / length
        edge = x * nx + (y * ny - (ax * nx + ay * ny))
        found = edge if found is None else torch.maximum(found, edge)
    assert found is not None
    return found


def segment(x: Tensor, y: Tensor, a: tuple[float, float], b: tuple[float, float]) -> Tensor:
    """Distance to the line from a to b (a stroke of no width)."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    px, py = x - a[0], y - a[1]
    along = ((px * dx + py * dy) / (dx * dx + dy * dy)).clamp(0, 1)
    return torch.sqrt((px - along * dx) ** 2 + (py - along * dy) ** 2)


def below(y: Tensor, height: Tensor) -> Tensor:
    """Distance to the land below a profile; y [*,h,1], height [m,w] -> [m,h,w].

    The vertical gap is divided by the local slope's length, so edges stay one pixel wide.
    """
    left = torch.cat((height[:, :1], height[:, :-1]), 1)
    right = torch.cat((height[:, 1:], height[:, -1:]), 1)
    slope = (right - left) * 0.5
    return (height[:, None, :] - y) / torch.sqrt(1 + slope * slope)[:, None, :]
