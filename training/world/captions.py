"""True captions of scenes, in varied plain English."""

import numpy as np

from .scene import Scene, SceneObject, uniform
from .words import (
    BACK,
    GROUND,
    KINDS_OF_PICTURE,
    LONGEST,
    NOUN,
    PLACE,
    SIZE,
    TIME,
    TIME_WORD,
    WEATHER,
    WEATHER_WORD,
)


class _Words:
    """A stream of choices; every caption spends its own."""

    def __init__(self, scene: Scene, variant: int) -> None:
        seed = np.array([variant], np.uint64)
        self._left = uniform(seed, repr(scene), 128)[0].astype(float).tolist()

    def chance(self, share: float) -> bool:
        return self._left.pop() < share

    def of(self, options: tuple[str, ...]) -> str:
        # the first way of saying a thing is the most frequent
        return options[min(int(self._left.pop() ** 1.4 * len(options)), len(options) - 1)]


def _article(phrase: str) -> str:
    return ("an " if phrase[0] in "aeiou" else "a ") + phrase


def _thing(thing: SceneObject, words: _Words, company: int) -> str:
    """One object in 1 to 6 words, fewer where it is one of three."""
    noun = words.of(NOUN[thing.kind][: 3 if company < 3 else 1])
    size = words.of(SIZE[thing.size]) if words.chance((0.5, 0.3, 0.15)[company - 1]) else ""
    colour = thing.colour if words.chance(0.92) else ""
    if thing.kind == "birds":
        flock = words.of(("birds", "a flock of birds", "three birds"))
        phrase = flock.replace("birds", f"{colour} birds") if words.chance(0.5) else flock
        phrase = " ".join(phrase.split())
    else:
        phrase = _article(" ".join(part for part in (size, colour, noun) if part))
    if words.chance((0.5, 0.35, 0.15)[company - 1]):
        phrase += " " + words.of(PLACE[thing.place])
    return phrase


def _list(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def caption(scene: Scene, variant: int) -> str:
    """One true sentence about the scene in 4 to 24 lowercase words; variants differ in wording."""
    words = _Words(scene, variant)
    things = list(scene.objects)
    if len(things) > 1 and words.chance(0.15):
        things.pop()
    listed = [_thing(thing, words, len(things)) for thing in things]
    land = words.of(GROUND[scene.ground])
    form = _thing_first if words.chance(0.6) else _hour_first
    text = form(scene, words, listed, land)
    while len(text.split()) > LONGEST:
        listed.pop()
        text = form(scene, words, listed, land)
    if scene.background != "none" and words.chance(0.85):
        text = _extended(text, ", " + words.of(BACK[scene.background]))
    # with three objects one may stand before the disc
    if scene.weather == "clear" and len(scene.objects) < 3 and words.chance(0.15):
        disc = "moon" if scene.time == "night" else "sun"
        text = _extended(text, f", the {disc} shining")
    return text


def _extended(text: str, more: str) -> str:
    """The text with one phrase more, if that stays within the longest caption."""
    longer = text + more
    return longer if len(longer.split()) <= LONGEST else text


def _thing_first(scene: Scene, words: _Words, listed: list[str], land: str) -> str:
    hour = words.of(TIME[scene.time])
    sky = words.of(WEATHER[scene.weather])
    say_sky = words.chance(0.85 if scene.weather != "clear" else 0.35)
    if not listed:
        text = f"{words.of(KINDS_OF_PICTURE)} {land} {hour}"
    else:
        text = f"{_list(listed)} {_joined(scene, land)} {hour}"
    return _extended(text, f" {sky}") if say_sky else text


def _hour_first(scene: Scene, words: _Words, listed: list[str], land: str) -> str:
    hour = words.of(TIME_WORD[scene.time])
    sky = words.of(WEATHER_WORD[scene.weather]) if words.chance(0.85) else ""
    start = f"{sky} {hour}".strip()
    if len(listed) < 3 and words.chance(0.6):
        start = _article(start)
    text = f"{start} over {land}"
    return f"{text} with {_list(listed)}" if listed else text


def _joined(scene: Scene, land: str) -> str:
    if all(o.kind in ("balloon", "birds") for o in scene.objects):
        return f"over {land}"
    if scene.ground == "sea" or land in ("sand dunes", "the sand", "white snow"):
        return f"on {land}"
    return f"in {land}"
