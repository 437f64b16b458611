import pytest
import torch

from training.judge.conditions import conditions
from training.judge.conflict import APART, Conflict, area, conflict, contradicted
from training.judge.metrics import above


def test_the_area_is_the_chance_that_one_is_above_the_other():
    high, low = torch.tensor([3.0, 1.0, 2.0]), torch.tensor([2.0, 0.0])
    assert above(high, low).tolist() == [[1, 1], [0, 1], [0.5, 1]]
    value, least, most = area(torch.linspace(0, 1, 40), torch.linspace(-0.5, 0.5, 40))
    assert value == pytest.approx(0.875, abs=0.01)
    assert 0.7 < least < value < most < 1


def test_what_is_contradicted_is_asked_of_one_expert_alone():
    asked = conditions(0, 4)
    told = contradicted(asked, "mask")
    assert told.start == APART
    assert told.sentences == asked.sentences
    assert all(a.tobytes() != b.tobytes() for a, b in zip(told.masks, asked.masks, strict=True))
    others = contradicted(asked, "text").facts, conditions(APART, 16)
    theirs = contradicted(asked, "text").sentences
    grounds = dict(zip(others[1].sentences, (each.ground for each in others[1].facts), strict=True))
    assert len(set(theirs)) == 4
    for sentence, facts in zip(theirs, asked.facts, strict=True):
        assert grounds[sentence] not in (None, facts.ground)


def test_experts_that_know_the_picture_agree_where_it_is_one(cast):
    # what both know of one picture is the same here; of two pictures it is not
    cast.experts["text"] = cast.experts["mask"]
    found = conflict(cast, ("mask", "sketch"), 3, steps=2)
    assert found.agreeing.shape == found.contradicting.shape == (2, 3)
    assert len(found.noises) == 2 and found.noises[0] > found.noises[1]
    assert not torch.equal(found.agreeing, found.contradicting)


def test_every_pair_of_experts_is_told_its_own_conditions(cast):
    alone = conflict(cast.afresh(), ("mask", "sketch"), 2, steps=2)
    conflict(cast, ("text", "mask"), 2, steps=2)
    after = conflict(cast, ("mask", "sketch"), 2, steps=2)
    assert torch.equal(alone.contradicting, after.contradicting)


def test_the_mean_over_the_steps_is_what_tells():
    agreeing = torch.tensor([[0.9, 0.8], [-0.5, -0.6]])
    contradicting = torch.tensor([[0.1, 0.0], [-0.4, -0.2]])
    found = Conflict(("a", "b"), (1.0, 0.5), agreeing, contradicting)
    assert found.area[0] == 1.0
    assert found.last[0] == 0.0
