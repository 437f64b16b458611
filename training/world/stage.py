"""The setting of a stack of pictures: horizon, light, and where each thing stands."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import palette
from .scene import PLACES, Scene, uniform

Numbers = NDArray[np.floating[Any]]
COLUMNS = {"left": 24.0, "centre": 64.0, "right": 104.0}
# behind a city the background stands higher, or the roofs would hide it
_RISE = {"none": 0.0, "mountains": 8.0, "hills": 19.0, "forest": 17.0}


@dataclass(frozen=True)
class Stage:
    """Scenes with the numbers their layers share; rows follow the pictures of the stack."""

    scenes: list[Scene]
    seeds: NDArray[np.uint64]
    time: Numbers
    horizon: Numbers = field(init=False)
    disc_x: Numbers = field(init=False)
    disc_y: Numbers = field(init=False)
    sky: Numbers = field(init=False)
    light: Numbers = field(init=False)
    rise: Numbers = field(init=False)
    _ground_light: Numbers = field(init=False)

    def __post_init__(self) -> None:
        """Work out what the layers share."""
        u = uniform(self.seeds, "stage", 6)
        lift = np.array([6.0 if s.ground == "sea" else 0.0 for s in self.scenes], np.float32)
        horizon = np.floor(78 + 8 * u[:, 0] + lift * u[:, 1])
        disc = [_disc(s, h, r) for s, h, r in zip(self.scenes, horizon.tolist(), u, strict=True)]
        sky = [palette.sky(s, float(r[5])) for s, r in zip(self.scenes, u, strict=True)]
        set_ = object.__setattr__
        set_(self, "horizon", horizon)
        set_(self, "disc_x", np.array([d[0] for d in disc], np.float32))
        set_(self, "disc_y", np.array([d[1] for d in disc], np.float32))
        set_(self, "sky", np.array(sky, np.float32))
        set_(self, "light", np.stack([palette.light(s) for s in self.scenes]))
        set_(self, "rise", np.array([_rise(s) for s in self.scenes], np.float32))
        set_(self, "_ground_light", np.stack([palette.light_on_ground(s) for s in self.scenes]))

    def where(self, **wanted: str | tuple[str, ...]) -> list[int]:
        """Pictures whose scene has these attributes (any of them, where a tuple is given)."""
        return [
            i
            for i, scene in enumerate(self.scenes)
            if all(
                getattr(scene, key) in (value if isinstance(value, tuple) else (value,))
                for key, value in wanted.items()
            )
        ]

    def uniform(self, role: str, count: int, rows: list[int]) -> Numbers:
        """Uniform numbers [len(rows),count] that belong to these pictures and this role."""
        return uniform(self.seeds[rows], role, count)

    def land(self, code: str, rows: list[int]) -> Numbers:
        """A colour of the ground under each picture's light; [len(rows),3]."""
        return palette.rgb(code) * self._ground_light[rows]

    def far(self, code: str, rows: list[int], haze: float) -> Numbers:
        """A colour far away, behind `haze` of the sky's horizon colour; [len(rows),3]."""
        return palette.mix(palette.rgb(code) * self.light[rows], self.sky[rows, 2], haze)


def _rise(scene: Scene) -> float:
    return _RISE[scene.background] if scene.ground == "city" else 0.0


def _disc(scene: Scene, horizon: float, u: Numbers) -> tuple[float, float]:
    """Centre of the sun or moon: in a free column, and low at dawn and sunset."""
    taken = {o.place for o in scene.objects}
    high = {o.place for o in scene.objects if o.kind in ("balloon", "birds")}
    free = [p for p in PLACES if p not in taken] or [p for p in PLACES if p not in high]
    place = (free or ["centre"])[int(u[2] * len(free or [0]))]
    x = COLUMNS[place] + (float(u[3]) - 0.5) * 12
    if scene.time in ("day", "night"):
        return x, 20 + 12 * float(u[4])
    behind = {"none": 5.0, "mountains": 44.0, "hills": 30.0, "forest": 24.0}[scene.background]
    if scene.ground == "city":
        behind = max(behind, 29.0)
    return x, horizon - behind - _rise(scene) * 0.6 - 9 * float(u[4])
