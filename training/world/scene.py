"""What a picture shows, in words: scenes are sampled first, and pixels follow from them."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

TIMES = ("dawn", "day", "sunset", "night")
WEATHERS = ("clear", "cloudy", "rain", "snow", "storm")
GROUNDS = ("sea", "desert", "meadow", "snowfield", "city")
BACKGROUNDS = ("none", "mountains", "hills", "forest")
OBJECT_KINDS = ("sailboat", "house", "tree", "lighthouse", "balloon", "bridge", "birds")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "white", "black")
SIZES = ("small", "large")
PLACES = ("left", "centre", "right")

SCENE_KINDS: tuple[str, ...] = tuple(
    f"{ground} {'by' if time == 'day' else 'at'} {time}" for ground in GROUNDS for time in TIMES
)

_ON_GROUND = {
    "sea": ("sailboat", "sailboat", "lighthouse", "bridge"),
    "desert": ("house", "tree"),
    "meadow": ("house", "tree", "lighthouse"),
    "snowfield": ("house", "tree", "lighthouse"),
    "city": ("house", "tree"),
}
# the sea comes up more often: sailboats and bridges are found nowhere else
_GROUND_SHARES = (*GROUNDS, *GROUNDS, "sea")
_COUNT_CHANCES = (0.08, 0.42, 0.84)
_WEATHER_CHANCES = (0.34, 0.62, 0.76, 0.89)


@dataclass(frozen=True)
class SceneObject:
    """One thing in the picture and the words for it."""

    kind: str
    colour: str
    size: str
    place: str


@dataclass(frozen=True)
class Scene:
    """Everything a caption may say about a picture."""

    time: str
    weather: str
    ground: str
    background: str
    objects: tuple[SceneObject, ...]

    @property
    def kind(self) -> int:
        """Index into SCENE_KINDS."""
        return GROUNDS.index(self.ground) * len(TIMES) + TIMES.index(self.time)

    @property
    def has_disc(self) -> bool:
        """Whether the sun (by night the moon) is in the picture."""
        return self.weather in ("clear", "cloudy")


@lru_cache(maxsize=256)
def _word(text: str) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big"))


def _mix(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of splitmix64 (Steele et al. 2014), a bijection of 64-bit words."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def seeds_of(name: str, start: int, count: int) -> NDArray[np.uint64]:
    """One 64-bit seed per picture of a named draw; picture i depends on (name, i) alone."""
    index = np.arange(start, start + count, dtype=np.uint64)
    return _mix(_mix(index * np.uint64(0x9E3779B97F4A7C15) + np.uint64(1)) ^ _word(name))


def uniform(seeds: NDArray[np.uint64], role: str, count: int) -> NDArray[np.float32]:
    """Uniform numbers in [0,1), float32 [n,count], from a counter-based hash of (seed, role)."""
    slot = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    bits = _mix(_mix(seeds ^ _word("role " + role))[:, None] + slot[None, :])
    return ((bits >> np.uint64(40)).astype(np.float32)) * np.float32(2.0**-24)


def _pick(options: tuple[str, ...], u: float) -> str:
    return options[int(u * len(options))]


def _colour(kind: str, time: str, weather: str, u: float) -> str:
    if kind == "birds":
        dark = time == "night" or weather == "storm" or (time == "sunset" and weather != "snow")
        return "white" if dark else "black"
    return _pick(COLOURS[:7], u)


def _objects(time: str, weather: str, ground: str, u: list[float]) -> tuple[SceneObject, ...]:
    count = sum(u[0] >= chance for chance in _COUNT_CHANCES)
    places = sorted(PLACES, key=lambda place: u[1 + PLACES.index(place)])
    found: list[SceneObject] = []
    for i in range(count):
        kind_u, colour_u, size_u = u[4 + 3 * i : 7 + 3 * i]
        # the first object mostly stands on the ground, the others fill the sky more often
        share = 0.72 if i == 0 else 0.5
        stands = kind_u < share
        kind = (
            _pick(_ON_GROUND[ground], kind_u / share)
            if stands
            else _pick(("balloon", "birds"), (kind_u - share) / (1 - share))
        )
        if kind in ("birds", "bridge") and any(o.kind == kind for o in found):
            kind = "balloon"
        size = SIZES[int(size_u < 0.6)]
        found.append(SceneObject(kind, _colour(kind, time, weather, colour_u), size, places[i]))
    return tuple(found)


def scenes_from(seeds: NDArray[np.uint64]) -> list[Scene]:
    """Sample one scene per seed."""
    scenes: list[Scene] = []
    for u in uniform(seeds, "scene", 20).astype(float).tolist():
        time, ground, background = (
            _pick(TIMES, u[0]),
            _pick(_GROUND_SHARES, u[1]),
            _pick(BACKGROUNDS, u[2]),
        )
        weather = WEATHERS[sum(u[3] >= chance for chance in _WEATHER_CHANCES)]
        scenes.append(
            Scene(time, weather, ground, background, _objects(time, weather, ground, u[4:]))
        )
    return scenes


def scene_of(name: str, index: int) -> Scene:
    """The scene of picture `index` of the named draw, without drawing it."""
    return scenes_from(seeds_of(name, index, 1))[0]
