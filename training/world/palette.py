"""Poster colours: skies by time and weather, light on things, and the colours captions name."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .scene import Scene

Colour = NDArray[np.floating[Any]]


def rgb(code: str) -> Colour:
    """An RGB colour in [0,1] from six hexadecimal digits; float32 [3]."""
    return np.array([int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)], dtype=np.float32)


def mix(a: Colour, b: Colour, share: float | Colour) -> Colour:
    """The colour `share` of the way from a to b."""
    return a + (b - a) * np.float32(share) if isinstance(share, float) else a + (b - a) * share


# top, middle and horizon of the sky; two moods per time, mixed freely
_SKIES = {
    "dawn": (("7f9fd6", "f0bccb", "ffe6c2"), ("9a98cf", "f7b6ae", "ffd9ac")),
    "day": (("2a7fd0", "67b4e8", "d6eff4"), ("1796c6", "6cc9de", "f1f3d8")),
    "sunset": (("452463", "d14a63", "ffb245"), ("6b2350", "e8583a", "ffc95a")),
    "night": (("0a0f30", "182759", "3a5290"), ("0c1438", "1f2c68", "55508f")),
}
_OVERCAST = {
    "dawn": {"rain": "b3a7b8", "snow": "dcd0df", "storm": "75697f"},
    "day": {"rain": "8ea3b4", "snow": "c6d8e6", "storm": "4a5b6d"},
    "sunset": {"rain": "97545c", "snow": "cc7f7c", "storm": "662c3a"},
    "night": {"rain": "171e36", "snow": "27335e", "storm": "0c101d"},
}
_OVERCAST_SHARE = {"clear": 0.0, "cloudy": 0.0, "rain": 0.66, "snow": 0.6, "storm": 0.84}
_LIGHT = {
    "dawn": (1.0, 0.93, 0.92),
    "day": (1.0, 1.0, 1.0),
    "sunset": (0.98, 0.76, 0.68),
    "night": (0.34, 0.42, 0.68),
}
_LIGHT_ON_THINGS = {
    "dawn": (1.0, 0.97, 0.96),
    "day": (1.0, 1.0, 1.0),
    "sunset": (1.0, 0.93, 0.88),
    "night": (0.89, 0.89, 0.97),
}
# where the hour's light would drain a ground of its character, the ground has its own
_LIGHT_ON_GROUND = {
    ("desert", "night"): (0.47, 0.4, 0.6),
    ("meadow", "night"): (0.36, 0.52, 0.6),
    ("snowfield", "night"): (0.54, 0.63, 0.86),
    ("snowfield", "sunset"): (1.0, 0.85, 0.84),
    ("city", "night"): (0.42, 0.42, 0.6),
}
# the colour of the sea at the horizon and at the viewer's feet, in two moods
_SEAS = {
    "dawn": (("b9a6c8", "4f78b4"), ("c9b0c0", "4a8aae")),
    "day": (("4fa3cf", "0d4a92"), ("58b5b8", "0c5f80")),
    "sunset": (("c8607a", "37265f"), ("d07a6a", "3d2350")),
    "night": (("22386e", "0a1740"), ("263470", "0a1d3c")),
}
_DIM = {"clear": 1.0, "cloudy": 0.98, "rain": 0.86, "snow": 0.95, "storm": 0.7}
_DISCS = {"dawn": "fff3c4", "day": "fff0a0", "sunset": "ffe27a", "night": "f6f2d8"}
_GLOWS = {"dawn": "fff0d0", "day": "fffbe0", "sunset": "ffd070", "night": "8fa4dc"}
_CLOUDS = {
    "dawn": ("fff2ea", "eeb9bb"),
    "day": ("ffffff", "c9dcec"),
    "sunset": ("ffc08a", "c25a6e"),
    "night": ("6376ae", "3a4a80"),
}
_WET_CLOUDS = {
    "dawn": ("b9afbe", "8f8699"),
    "day": ("b4c2ce", "8496a6"),
    "sunset": ("b36a6a", "7f434f"),
    "night": ("3c476b", "2a3352"),
}
_STORM_CLOUDS = {
    "dawn": ("5d5468", "453e52"),
    "day": ("3a4858", "2a3543"),
    "sunset": ("4a2130", "361724"),
    "night": ("2a3148", "1d2234"),
}

PAINTS = {
    "red": rgb("d8262c"),
    "orange": rgb("f57f17"),
    "yellow": rgb("ffd52e"),
    "green": rgb("1f9d55"),
    "blue": rgb("2456c8"),
    "purple": rgb("8e3fb0"),
    "white": rgb("f7f4ea"),
    "black": rgb("1c1c2e"),
}


def sky(scene: Scene, mood: float) -> tuple[Colour, Colour, Colour]:
    """Top, middle and horizon colour of the sky; `mood` in [0,1] mixes two palettes."""
    first, second = _SKIES[scene.time]
    share = _OVERCAST_SHARE[scene.weather]
    stops = [mix(rgb(a), rgb(b), mood) for a, b in zip(first, second, strict=True)]
    if share:
        grey = rgb(_OVERCAST[scene.time][scene.weather])
        stops = [mix(stop, grey, share) for stop in stops]
    return stops[0], stops[1], stops[2]


def light(scene: Scene) -> Colour:
    """What the hour and the weather multiply the land's colours by; float32 [3]."""
    return np.array(_LIGHT[scene.time], np.float32) * np.float32(_DIM[scene.weather])


def light_on_ground(scene: Scene) -> Colour:
    """What the colours of desert, meadow, snowfield and street are multiplied by; float32 [3]."""
    own = _LIGHT_ON_GROUND.get((scene.ground, scene.time), _LIGHT[scene.time])
    return np.array(own, np.float32) * np.float32(_DIM[scene.weather])


def sea(scene: Scene, mood: float) -> tuple[Colour, Colour]:
    """Colour of the sea at the horizon and near by; `mood` in [0,1] mixes two palettes."""
    first, second = _SEAS[scene.time]
    far, near = (mix(rgb(a), rgb(b), mood) for a, b in zip(first, second, strict=True))
    share = _OVERCAST_SHARE[scene.weather]
    if share:
        grey = rgb(_OVERCAST[scene.time][scene.weather])
        far = mix(far, grey, share * 0.55)
        near = mix(near, grey * np.float32(0.55), share * 0.4)
    return far, near


def light_on_things(scene: Scene) -> Colour:
    """The far lighter tint of objects, whose colours have to stay nameable; float32 [3]."""
    dim = 1 - (1 - _DIM[scene.weather]) * 0.35
    return np.array(_LIGHT_ON_THINGS[scene.time], np.float32) * np.float32(dim)


def disc(scene: Scene) -> tuple[Colour, Colour]:
    """Colour of the sun or moon, and of the glow around it."""
    return rgb(_DISCS[scene.time]), rgb(_GLOWS[scene.time])


def cloud(scene: Scene) -> tuple[Colour, Colour]:
    """Lit and shaded colour of clouds."""
    table = {"rain": _WET_CLOUDS, "snow": _WET_CLOUDS, "storm": _STORM_CLOUDS}
    lit, shaded = table.get(scene.weather, _CLOUDS)[scene.time]
    if scene.weather == "snow":
        return mix(rgb(lit), rgb("ffffff"), 0.3), mix(rgb(shaded), rgb("ffffff"), 0.2)
    return rgb(lit), rgb(shaded)
