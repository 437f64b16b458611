"""What a painter of objects is told about the objects of its group."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from . import palette
from .palette import Colour
from .scene import Scene
from .stage import Numbers


@dataclass(frozen=True)
class Thing:
    """A group of objects of one kind and size; rows [m] follow the windows of the canvas."""

    paint: Numbers
    light: Numbers
    depth: Tensor
    scenes: list[Scene]
    u: Numbers
    variant: int

    @property
    def body(self) -> Numbers:
        """The objects' named colours under their light [m,3]."""
        return self.paint * self.light

    def lit(self, share: float) -> Numbers:
        """The body's sunny side [m,3]."""
        return palette.mix(self.body, palette.rgb("fff6dc") * self.light, share)

    def shaded(self, share: float) -> Numbers:
        """The body's shadow side [m,3]."""
        return palette.mix(self.body, palette.rgb("2a2550") * self.light, share)

    def second(self, white: str) -> Numbers:
        """Cream beside the body's colour, or `white` where the body itself is white; [m,3]."""
        is_white = self.paint.min(1, keepdims=True) > 0.85
        return np.where(is_white, self.plain(white), self.plain("fbf6ea"))

    def plain(self, code: str) -> Numbers:
        """Another colour under the objects' light [m,3]."""
        return palette.rgb(code) * self.light

    def lamp(self, dark: str) -> Colour:
        """Windows: `dark` glass by day, warm light at dawn, sunset, night and in storms [m,3]."""
        return np.stack(
            [
                palette.rgb(dark if s.time == "day" and s.weather != "storm" else "ffdf80")
                for s in self.scenes
            ]
        )

    def night(self) -> Numbers:
        """1 where lamps throw light into the dark, else 0; [m]."""
        return np.array([s.time == "night" for s in self.scenes], np.float32)
