"""Panes: where the windows of a panorama begin, and which part of a picture each is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, slots=True)
class Panes:
    """Where windows of `width` places begin in a state of `whole` places."""

    width: int
    whole: int
    starts: tuple[int, ...]

    @classmethod
    def over(cls, width: int, times: int) -> Self:
        """Windows over a state `times` as wide (two or more), each half over the one before it."""
        whole, count = width * times, 2 * times - 1
        places = (round(number * (whole - width) / (count - 1)) for number in range(count))
        return cls(width, whole, tuple(sorted(set(places))))

    def elsewhere(self, width: int) -> Self:
        """The same windows in a space where each of them has so many places."""
        if width == self.width:
            return self
        starts = tuple(round(start * width / self.width) for start in self.starts)
        return type(self)(width, width * self.times, starts)

    @property
    def times(self) -> int:
        """How many times as wide as a window the whole is."""
        return self.whole // self.width

    def panes(self, picture: Image.Image, canvas: tuple[int, int]) -> list[Image.Image]:
        """The part of a picture that each window is given, for experts of this canvas (w, h).

        The picture is cut to the proportions of the whole about its centre; nothing is resized.
        """
        ratio = canvas[0] * self.whole / self.width / canvas[1]
        width = min(float(picture.width), picture.height * ratio)
        height = min(float(picture.height), picture.width / ratio)
        left, top = (picture.width - width) / 2, (picture.height - height) / 2
        place = width / self.whole
        boxes = [
            (left + place * start, top, left + place * (start + self.width), top + height)
            for start in self.starts
        ]
        return [picture.crop(_whole(*box)) for box in boxes]


def _whole(left: float, top: float, right: float, bottom: float) -> tuple[int, int, int, int]:
    """A box between pixels, of one pixel at least."""
    x, y = round(left), round(top)
    return x, y, max(x + 1, round(right)), max(y + 1, round(bottom))
