import pytest
import torch

from training.judge.rows import GUIDANCE, guided
from training.judge.verdict import KINDS, Verdict
from training.judge.worth import worth_of
from training.world import CLASSES

ROWS = {row.name: row for row in guided(GUIDANCE, 16)}


def verdict(right):
    """Pictures of which these shares of the pixels, the correlation and the class are right."""
    right = torch.tensor(right).double()
    regions = torch.zeros(len(right), 3, len(CLASSES), dtype=torch.int64)
    regions[:, 1, :2] = 50
    regions[:, 0, 0] = (100 * right).long()
    return Verdict(
        facts=torch.zeros(len(right), len(KINDS), 2, dtype=torch.int64),
        scene=right > 0.5,
        regions=regions,
        lines=right,
        depth=right,
        features=torch.zeros(len(right), 64),
    )


def found(seeds, **verdicts):
    named = {
        f"unconditional{', ' * bool(way)}{way.replace('_', ' ')}": verdict(right)
        for way, right in verdicts.items()
    }
    rows = {name: ROWS[name] for name in named}
    return {each.row: each for each in worth_of(rows, named, seeds)}


@pytest.mark.parametrize("target", ["mask", "depth"])
def test_what_is_left_of_the_error_is_that_of_the_same_conditions(target):
    way = f"{target}_by_guidance_expert"
    (worth,) = found(2, **{"": [0.2, 0.4, 0.2, 0.4], way: [0.6, 0.6, 0.8, 0.8]}).values()
    assert worth.row == f"unconditional, {target} by guidance expert"
    assert worth.error.value == pytest.approx(0.3)
    assert worth.left.value == pytest.approx(0.3 / 0.7)
    assert (worth.left.low, worth.left.high) == pytest.approx((0.3 / 0.8, 0.3 / 0.6))
    assert worth.closed is None


def test_the_gap_is_between_the_clean_model_and_the_labels():
    worth = found(
        1,
        **{
            "": [0.0] * 40,
            "class_by_state": [1.0] * 20 + [0.0] * 20,
            "class_by_labels": [1.0] * 36 + [0.0] * 4,
            "class_by_guidance_expert": [1.0] * 32 + [0.0] * 8,
        },
    )["unconditional, class by guidance expert"]
    assert worth.error.value == pytest.approx(0.2)
    assert worth.left.value == pytest.approx(0.2)
    assert worth.closed.value == pytest.approx(3 / 4)
    assert worth.closed.low < 3 / 4 < worth.closed.high <= 1


def test_without_the_expert_alone_nothing_is_said():
    assert found(1, class_by_guidance_expert=[1.0, 0.0]) == {}
