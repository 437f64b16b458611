"""Scenes and captions: reproducible, disjoint, true."""

import re

import pytest

from training.world import (
    COLOURS,
    GROUNDS,
    OBJECT_KINDS,
    SCENE_KINDS,
    TIMES,
    Scene,
    caption,
    scene_of,
    vocabulary,
)
from training.world.captions import LONGEST
from training.world.scene import scenes_from, seeds_of, uniform

SCENES = scenes_from(seeds_of("captions", 0, 4000))
NOUNS = {
    "boat": "sailboat",
    "sailboat": "sailboat",
    "house": "house",
    "cottage": "house",
    "home": "house",
    "tree": "tree",
    "lighthouse": "lighthouse",
    "tower": "lighthouse",
    "balloon": "balloon",
    "bridge": "bridge",
    "birds": "birds",
}
TRUE_WORDS: dict[str, tuple[str, set[str]]] = {
    **{w: ("time", {"dawn"}) for w in ("dawn", "sunrise", "morning")},
    **{w: ("time", {"day"}) for w in ("day", "daylight", "noon", "daytime")},
    **{w: ("time", {"sunset"}) for w in ("sunset", "evening", "dusk")},
    "night": ("time", {"night"}),
    "moon": ("time", {"night"}),
    "sun": ("time", {"dawn", "day", "sunset"}),
    **{w: ("weather", {"clear"}) for w in ("clear", "cloudless", "sun", "moon")},
    **{w: ("weather", {"cloudy"}) for w in ("clouds", "cloudy", "clouded")},
    **{w: ("weather", {"rain"}) for w in ("rain", "rains", "rainy", "wet")},
    **{w: ("weather", {"snow"}) for w in ("snows", "snowflakes", "falling snow")},
    **{w: ("weather", {"storm"}) for w in ("storm", "thunderstorm", "stormy", "lightning")},
    **{w: ("ground", {"sea"}) for w in ("sea", "ocean", "water")},
    **{w: ("ground", {"desert"}) for w in ("desert", "dunes", "sand")},
    **{w: ("ground", {"meadow"}) for w in ("meadow", "fields", "grassy")},
    **{w: ("ground", {"snowfield"}) for w in ("snowfield", "snowy field")},
    **{w: ("ground", {"city"}) for w in ("city", "town", "street")},
    **{w: ("background", {"mountains"}) for w in ("mountains", "peaks")},
    "hills": ("background", {"hills"}),
    **{w: ("background", {"forest"}) for w in ("forest", "woods", "fir")},
}


def test_a_scene_is_the_same_alone_and_in_a_run() -> None:
    assert [scene_of("captions", i) for i in (0, 7, 3999)] == [SCENES[i] for i in (0, 7, 3999)]


def test_draws_are_disjoint() -> None:
    first, second = seeds_of("text", 0, 20_000), seeds_of("mask", 0, 20_000)
    assert len(set(first.tolist()) | set(second.tolist())) == 40_000


def test_uniform_numbers_are_uniform_and_independent() -> None:
    u = uniform(seeds_of("moments", 0, 50_000), "role", 3).astype(float)
    assert u.min() >= 0 and u.max() < 1
    # five standard errors of the mean and of the products of centred numbers
    assert abs(u.mean(0) - 0.5).max() < 5 * (1 / 12) ** 0.5 / 50_000**0.5
    centred = u - 0.5
    assert abs((centred[:, 0] * centred[:, 1]).mean()) < 5 / 12 / 50_000**0.5


def test_every_attribute_value_occurs() -> None:
    assert {SCENE_KINDS[s.kind] for s in SCENES} == set(SCENE_KINDS)
    assert {o.kind for s in SCENES for o in s.objects} == set(OBJECT_KINDS)
    assert {o.colour for s in SCENES for o in s.objects} == set(COLOURS)
    assert {len(s.objects) for s in SCENES} == {0, 1, 2, 3}


def test_scene_kinds_name_ground_and_time() -> None:
    for ground in GROUNDS:
        for time in TIMES:
            name = SCENE_KINDS[Scene(time, "clear", ground, "none", ()).kind]
            assert name.startswith(ground) and name.endswith(time)


def test_objects_of_a_scene_stand_in_different_places() -> None:
    assert all(len({o.place for o in s.objects}) == len(s.objects) for s in SCENES)


@pytest.mark.parametrize("variant", [0, 1, 2])
def test_captions_are_true(variant: int) -> None:
    for scene in SCENES:
        text = caption(scene, variant)
        assert 4 <= len(text.split()) <= LONGEST, text
        for word, (key, values) in TRUE_WORDS.items():
            if re.search(rf"\b{word}\b", text):
                assert getattr(scene, key) in values, (text, scene)
        _check_objects(text, scene)


def _check_objects(text: str, scene: Scene) -> None:
    """Every phrase "[size] [colour] noun [place]" of the caption fits an object of the scene."""
    plain = re.sub(
        r"\b(light tower|hot air|sailing|arched|white snow|green (fields|hills))\b",
        lambda m: {"light tower": "tower"}.get(m[0], ""),
        text,
    )
    pattern = (
        r"(?:\b(small|little|tiny|large|big)\s+)?(?:\b(" + "|".join(COLOURS) + r")\s+)?"
        r"\s*\b("
        + "|".join(NOUNS)
        + r")\b(?:\s+(?:on|to|in) the (left|right|centre|center|middle))?"
    )
    found = re.findall(pattern, plain)
    left = list(scene.objects)
    assert len(found) <= len(left), (text, scene)
    for size, colour, noun, place in found:
        wanted = {"centre": "centre", "center": "centre", "middle": "centre"}.get(place, place)
        large = {"": None, "large": "large", "big": "large"}.get(size, "small")
        fits = [
            o
            for o in left
            if o.kind == NOUNS[noun]
            and colour in ("", o.colour)
            and wanted in ("", o.place)
            and large in (None, o.size)
        ]
        assert fits, (text, scene)
    named = set(re.findall("|".join(COLOURS), plain))
    assert named <= {o.colour for o in scene.objects}, (text, scene)


def test_variants_differ() -> None:
    differing = sum(caption(s, 0) != caption(s, 1) for s in SCENES)
    assert differing > 0.95 * len(SCENES)


def test_vocabulary_covers_captions_and_holds_no_more() -> None:
    words = {w for s in SCENES for v in range(3) for w in caption(s, v).replace(",", "").split()}
    assert words == set(vocabulary())
    assert len(vocabulary()) < 300
