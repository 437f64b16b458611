"""Panes: where the windows of a panorama begin, and which part of a picture each is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image


def starts_of(width: int, times: int) -> tuple[int, ...]:
    """Where windows of `width` places begin in a state `times` as wide (two or more).

    Each lies half over the one before it.
    """
    count = 2 * times - 1
    places = (round(number * (width * times - width) / (count - 1)) for number in range(count))
    return tuple(sorted(set(places)))


def panes_of(
    picture: Image.Image, canvas: tuple[int, int], starts: Sequence[int], width: int, whole: int
) -> list[Image.Image]:
    """The part of a picture that each window is given, for experts of this canvas (w, h).

    The picture is cut to the proportions of the whole about its centre; nothing is resized.
    """
    ratio = canvas[0] * whole / width / canvas[1]
    across = min(float(picture.width), picture.height * ratio)
    down = min(float(picture.height), picture.width / ratio)
    left, top = (picture.width - across) / 2, (picture.height - down) / 2
    place = across / whole
    boxes = [
        (left + place * start, top, left + place * (start + width), top + down) for start in starts
    ]
    return [picture.crop(_whole(*box)) for box in boxes]


def _whole(left: float, top: float, right: float, bottom: float) -> tuple[int, int, int, int]:
    """A box between pixels, of one pixel at least."""
    x, y = round(left), round(top)
    return x, y, max(x + 1, round(right)), max(y + 1, round(bottom))
