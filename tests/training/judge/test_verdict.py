from dataclasses import replace

import pytest
import torch

from training.judge.conditions import conditions, from_images, to_images
from training.judge.facts import facts_of_scene
from training.judge.sight import Sight
from training.judge.verdict import KINDS, joined, judged
from training.world.scene import scenes_from, seeds_of

NAME = "judge verdict test"
ASKED = conditions(0, 6, NAME)
TRUTH = Sight(
    facts=[facts_of_scene(scene) for scene in scenes_from(seeds_of(NAME, 0, 6))],
    regions=ASKED.mask,
    lines=ASKED.lines,
    features=torch.zeros(6, 4),
)


@pytest.mark.parametrize("condition", ["text", "class", "mask", "sketch"])
def test_the_truth_fulfils_every_condition(condition):
    verdict = judged(TRUTH, ASKED)
    assert verdict.fidelity(condition).tolist() == [1.0] * 6
    assert verdict.fulfilled(condition).all()


def test_a_depth_map_is_fulfilled_by_its_picture_and_by_no_other():
    verdict = judged(TRUTH, ASKED)
    assert (verdict.fidelity("depth") > 0.99).all() and verdict.fulfilled("depth").all()
    other = judged(replace(TRUTH, regions=TRUTH.regions.roll(1, 0)), ASKED)
    assert (other.fidelity("depth") < verdict.fidelity("depth")).all()
    assert not other.fulfilled("depth").all()


@pytest.mark.parametrize("condition", ["text", "class", "mask", "sketch"])
def test_another_picture_does_not(condition):
    other = Sight(
        [replace(facts, time="dawn" if facts.time != "dawn" else "night") for facts in TRUTH.facts],
        TRUTH.regions.flip(0),
        TRUTH.lines.flip(0),
        TRUTH.features,
    )
    verdict = judged(other, ASKED)
    assert (verdict.fidelity(condition) < 1).all()
    assert not verdict.fulfilled(condition).any()


def test_only_stated_facts_count():
    verdict = judged(TRUTH, ASKED)
    for said, counts in zip(ASKED.facts, verdict.facts, strict=True):
        assert counts[KINDS.index("object"), 1] == len(said.things)
        assert counts[KINDS.index("weather"), 1] == (said.weather is not None)


def test_the_class_is_ground_and_time():
    wrong = [replace(facts, ground="moon") for facts in TRUTH.facts]
    assert not judged(replace(TRUTH, facts=wrong), ASKED).scene.any()


def test_verdicts_join_in_order():
    verdict = judged(TRUTH, ASKED)
    twice = joined([verdict, verdict])
    assert len(twice) == 12
    assert torch.equal(twice.regions[6:], verdict.regions)


def test_conditions_belong_to_the_picture_wherever_a_block_starts():
    later = conditions(4, 2, NAME)
    assert later.sentences == ASKED.sentences[4:]
    assert torch.equal(later.mask, ASKED.mask[4:])
    assert [a.tobytes() for a in later.sketches] == [b.tobytes() for b in ASKED.sketches[4:]]


def test_pictures_survive_pil():
    eighths = (ASKED.pictures * 255).round() / 255
    assert torch.allclose(from_images(tuple(to_images(eighths))), eighths)
