import re

import pytest

from training.judge.facts import Facts, Thing, facts_of_scene, kept, stated
from training.world import COLOURS, caption
from training.world.scene import scenes_from, seeds_of

SCENES = scenes_from(seeds_of("judge facts test", 0, 1500))


@pytest.mark.parametrize("variant", range(3))
def test_every_caption_is_read_truly(variant):
    for scene in SCENES:
        sentence = caption(scene, variant)
        checks = kept(stated(sentence), facts_of_scene(scene))
        assert all(hit for _, hit in checks), (sentence, checks)


@pytest.mark.parametrize("variant", range(3))
def test_nothing_that_a_caption_says_is_missed(variant):
    for scene in SCENES:
        sentence = caption(scene, variant)
        facts = stated(sentence)
        assert facts.time is not None and facts.ground is not None, sentence
        colours = re.findall(rf"\b(?:{'|'.join(COLOURS)}) (?!fields|hills|snow\b)", sentence)
        assert len(colours) == sum(thing.colour is not None for thing in facts.things), sentence
        places = re.findall(r"the (?:left|right|centre|center|middle)", sentence)
        assert len(places) == sum(thing.place is not None for thing in facts.things), sentence
        sizes = re.findall(r"\b(?:small|little|tiny|large|big)\b", sentence)
        assert len(sizes) == sum(thing.size is not None for thing in facts.things), sentence
        behind = "behind" in sentence or "distance" in sentence
        assert behind == (facts.background is not None), sentence
        assert ("shining" in sentence) == (facts.disc is not None), sentence


def test_a_sentence_is_read_word_by_word():
    sentence = (
        "a snowy evening over the sea with a tiny red boat on the left and three white birds, "
        "snowy peaks behind"
    )
    things = (Thing("sailboat", "red", "small", "left"), Thing("birds", "white"))
    assert stated(sentence) == Facts("sunset", "snow", "sea", "mountains", None, things)


def test_what_is_open_cannot_be_broken():
    seen = Facts("night", "storm", "city", "none", None, (Thing("tree", "red", "large", "left"),))
    assert kept(Facts(time="night"), seen) == [("time", True)]


def test_objects_of_one_kind_are_paired_for_the_best():
    said = Facts(things=(Thing("house", "blue"), Thing("house", "red", place="left")))
    seen = Facts(things=(Thing("house", "red", "small", "left"), Thing("house", "blue", "small")))
    assert all(hit for _, hit in kept(said, seen))


def test_one_object_does_not_keep_two_statements():
    said = Facts(things=(Thing("house"), Thing("house")))
    seen = Facts(things=(Thing("house", "red", "small", "left"),))
    assert sorted(kept(said, seen)) == [("object", False), ("object", True)]


def test_a_missing_object_breaks_every_fact_about_it():
    said = Facts(things=(Thing("house", "red", "small", "left"),))
    assert [hit for _, hit in kept(said, Facts())] == [False] * 4
