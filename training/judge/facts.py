"""What a sentence states about a picture, and which of its statements a picture keeps."""

import re
from dataclasses import dataclass
from itertools import permutations

from training.world import COLOURS, Scene

_TIMES = {
    "dawn": "dawn|sunrise|morning",
    "day": "day|daylight|daytime|noon",
    "sunset": "sunset|evening|dusk",
    "night": "night",
}
_WEATHERS = {
    "clear": "(?:under|with) a clear sky|without a cloud|clear|cloudless",
    "cloudy": "under clouds|with clouds in the sky|under a cloudy sky|cloudy|clouded",
    "rain": "in the rain|with rain falling|while it rains|rainy|wet",
    "snow": "in falling snow|while it snows|with snowflakes falling|snowy(?! field| peaks)",
    "storm": "in a storm|in a thunderstorm|with lightning|stormy",
}
_GROUNDS = {
    "sea": "sea|ocean|water",
    "desert": "desert|dunes|sand",
    "meadow": "meadow|green fields|grassy field",
    "snowfield": "snow|snowfield|snowy field",
    "city": "city|city street|town",
}
_BACKGROUNDS = {
    "mountains": "mountains behind|snowy peaks behind|with mountains in the distance",
    "hills": "(?:green )?hills behind|with hills in the distance",
    "forest": "a forest behind|woods behind|with fir trees in the distance",
}
_DISCS = {"sun": "the sun shining", "moon": "the moon shining"}
_NOUNS = {
    "sailboat": "sailboat|sailing boat|boat",
    "house": "house|cottage|home",
    "tree": "tree",
    "lighthouse": "lighthouse|light tower",
    "balloon": "hot air balloon|balloon",
    "bridge": "(?:arched )?bridge",
    "birds": "birds",
}
_SIZES = {"small": "small|little|tiny", "large": "large|big"}
_PLACES = {
    "left": "(?:on|to) the left",
    "centre": "in the (?:centre|middle|center)",
    "right": "(?:on|to) the right",
}


def _any(words: dict[str, str]) -> str:
    return "|".join(words.values())


_THING = re.compile(
    rf"\b(?:(?P<size>{_any(_SIZES)}) )?(?:(?P<colour>{'|'.join(COLOURS)}) )?"
    rf"(?P<noun>{_any(_NOUNS)})\b(?: (?P<place>{_any(_PLACES)}))?"
)


@dataclass(frozen=True)
class Thing:
    """An object as far as it is described; None is left open."""

    kind: str
    colour: str | None = None
    size: str | None = None
    place: str | None = None


@dataclass(frozen=True)
class Facts:
    """What is stated, or seen, of a picture; None and an empty tuple are left open."""

    time: str | None = None
    weather: str | None = None
    ground: str | None = None
    background: str | None = None
    disc: str | None = None
    things: tuple[Thing, ...] = ()


def facts_of_scene(scene: Scene) -> Facts:
    """All that is true of a scene; the disc is the one that may be seen."""
    disc = "moon" if scene.time == "night" else "sun"
    return Facts(
        scene.time,
        scene.weather,
        scene.ground,
        scene.background,
        disc if scene.has_disc else None,
        tuple(Thing(o.kind, o.colour, o.size, o.place) for o in scene.objects),
    )


def stated(sentence: str) -> Facts:
    """Read a sentence of the Playground's English; what it does not say stays open."""
    text = sentence.lower()
    background, text = _taken(text, _BACKGROUNDS)
    disc, text = _taken(text, _DISCS)
    weather, text = _taken(text, _WEATHERS)
    things = tuple(_thing(found) for found in _THING.finditer(text))
    text = _THING.sub(" ", text)
    time, text = _taken(text, _TIMES)
    ground, _ = _taken(text, _GROUNDS)
    return Facts(time, weather, ground, background, disc, things)


def kept(facts: Facts, seen: Facts) -> list[tuple[str, bool]]:
    """Every stated fact by its kind, with whether `seen` keeps it.

    Stated objects are paired with seen ones, each at most once, so that the most facts are kept.
    An object that is not there breaks every fact about it.
    """
    found: list[tuple[str, bool]] = []
    for name in ("time", "weather", "ground", "background", "disc"):
        said = getattr(facts, name)
        if said is not None:
            found.append((name, said == getattr(seen, name)))
    padded = seen.things + (None,) * len(facts.things)
    pairings = permutations(padded, len(facts.things))
    scored = [_compared(facts.things, pairing) for pairing in pairings]
    return found + max(scored, key=lambda checks: sum(hit for _, hit in checks))


def _compared(said: tuple[Thing, ...], seen: tuple[Thing | None, ...]) -> list[tuple[str, bool]]:
    checks: list[tuple[str, bool]] = []
    for one, other in zip(said, seen, strict=True):
        there = other is not None and one.kind == other.kind
        checks.append(("object", there))
        for name in ("colour", "size", "place"):
            asked = getattr(one, name)
            if asked is not None:
                checks.append((name, there and asked == getattr(other, name)))
    return checks


def _taken(text: str, words: dict[str, str]) -> tuple[str | None, str]:
    """The first meaning whose words are in the text, and the text without them."""
    for meaning, pattern in words.items():
        left, count = re.subn(rf"\b(?:{pattern})\b", " ", text, count=1)
        if count:
            return meaning, " ".join(left.split())
    return None, text


def _thing(found: re.Match[str]) -> Thing:
    return Thing(
        _meaning(found["noun"], _NOUNS) or found["noun"],
        found["colour"],
        _meaning(found["size"], _SIZES),
        _meaning(found["place"], _PLACES),
    )


def _meaning(word: str | None, words: dict[str, str]) -> str | None:
    """The meaning of matched words; None of no words."""
    if word is None:
        return None
    return next(meaning for meaning, pattern in words.items() if re.fullmatch(pattern, word))
