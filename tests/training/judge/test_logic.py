import pytest
import torch

from training.judge.facts import Facts, Thing
from training.judge.logic import Alternatives, Negation, chosen, named, negated, sorted_out, told
from training.judge.measure import Bench


@pytest.fixture
def bench(cast, tiny_judge, tmp_path):
    return Bench(cast, tiny_judge, {}, tmp_path)


def seen(ground, *kinds):
    return Facts("day", "clear", ground, "none", None, tuple(Thing(kind) for kind in kinds))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (seen("meadow", "house", "birds"), (True, False, False)),
        (seen("sea", "sailboat"), (False, True, False)),
        (seen("meadow", "house", "sailboat"), (False, False, True)),
        (seen("sea", "house"), (False, False, True)),
        (seen("meadow", "sailboat"), (False, False, True)),
        (seen("sea"), (False, False, False)),
        (seen("city", "house"), (False, False, False)),
    ],
)
def test_a_picture_is_of_the_one_of_the_other_or_mixed(facts, expected):
    assert sorted_out(facts) == expected


def test_an_object_is_named_in_few_words():
    assert [named(kind) for kind in ("house", "birds")] == ["a house", "a flock of birds"]


class Asked:
    """Stands for what the judge sees: all that the sentence of each picture says."""

    def __init__(self, monkeypatch, seen):
        self.scores = []
        monkeypatch.setattr("training.judge.logic._looked", self)
        self._seen = seen

    def __call__(self, bench, score, part, walked):
        self.scores.append(score)
        return [self._seen(score, number) for number in range(part.start, part.stop)]


def test_not_is_counted_where_the_plain_sentence_shows_it(bench, monkeypatch):
    # the first picture never shows anything, NOT by the product removes from every other one
    def see(score, number):
        if number == 0 or (len(score.inputs) > 1 and number % 2 and score.rule.name == "product"):
            return seen("sea")
        return seen("sea", "sailboat", "house", "tree", "lighthouse", "balloon", "bridge", "birds")

    asked = Asked(monkeypatch, see)
    product, perp_neg = negated(bench, 4)
    assert (product.rule, perp_neg.rule) == ("product", "perp_neg")
    assert len(product.removed) == len(perp_neg.removed) <= 3
    assert perp_neg.removed.tolist() == [False] * len(perp_neg.removed)
    assert product.removed.any() and not product.removed.all()
    assert [len(score.inputs) for score in asked.scores] == [1, 2, 2]
    wanted, unwanted = asked.scores[1].inputs
    assert wanted.guidance > 0 > unwanted.guidance
    assert perp_neg.others.tolist() == [1.0] * len(perp_neg.others)


def test_or_is_given_its_shares(bench, monkeypatch):
    asked = Asked(monkeypatch, lambda score, number: seen("sea", "sailboat"))
    walks = list(chosen(bench, 3))
    assert all(walk.seen.tolist() == [[False, True, False]] * 3 for walk in walks)
    asked_for = [[each.guidance for each in score.inputs] for score in asked.scores]
    assert asked_for == [pytest.approx([walk.share, 1.0 - walk.share]) for walk in walks]
    assert [walk.share for walk in walks] == [0.1, 0.3, 0.5, 0.7, 0.3]
    assert [score.rule.guidance for score in asked.scores] == [1.0, 1.0, 1.0, 1.0, 4.0]


def test_the_experts_are_asked_what_the_study_says(bench):
    product, perp_neg = negated(bench, 2)  # this judge has learned nothing
    assert len(product.removed) == len(perp_neg.removed) <= 2


def test_shares_are_those_of_the_pictures_that_took_a_side():
    sides = torch.tensor([[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]]).bool()
    gone = torch.tensor([True, True, False, True])
    lines = told(
        [Negation("product", gone, torch.ones(4), torch.full((4,), 0.5))],
        [Alternatives("a walk", 0.3, sides)],
    ).splitlines()
    assert lines[2].startswith("| product | 4 | 0.750 [") and "| 1.000 [" in lines[2]
    assert lines[6].startswith("| a walk | 5 | 0.3 | 0.250 [") and "| 0.200 [" in lines[6]
    assert lines[6].endswith("| 0.000 [0.000, 0.000] |")


def test_nothing_is_said_of_no_pictures():
    none = torch.zeros(0)
    lines = told([Negation("product", none.bool(), none, none)], []).splitlines()
    assert lines[2] == "| product | 0 | – | – | – |"
