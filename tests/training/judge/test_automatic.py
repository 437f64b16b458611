import pytest
import torch

from graph.interfaces import Expert
from graph.levels import NoiseLevel
from training.judge.automatic import (
    EQUAL,
    HAND,
    SUNNY,
    WAYS,
    Asked,
    by_conflict,
    by_entropy,
    mixed,
    night_over_the_sun,
    parser,
    played,
    told,
)
from training.judge.conditions import conditions, from_images
from training.judge.verdict import KINDS, Verdict
from training.world.classes import CLASS_INDEX, CLASSES

LEVEL = NoiseLevel.from_noise(0.5)


def gaussian(variance, mean=0.0):
    """E[x0 | x] of N(mean, variance)."""
    spread = LEVEL.alpha**2 * variance + LEVEL.sigma**2
    return lambda x: mean + LEVEL.alpha * variance / spread * (x - LEVEL.alpha * mean)


def asked(told, nulls, x=None):
    x = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(1)) if x is None else x

    def again(at):
        return [each(at) for each in told], [each(at) for each in nulls]

    signs = torch.randn(x.shape, generator=torch.Generator().manual_seed(2)).sign()
    return Asked(x, LEVEL, *again(x), again, signs)


def test_the_entropy_of_gaussians_is_found_by_one_probe():
    prior, sharp, blunt = 4.0, 0.04, 1.0

    def narrowed(variance):
        posterior = [
            v * LEVEL.sigma**2 / (LEVEL.alpha**2 * v + LEVEL.sigma**2) for v in (prior, variance)
        ]
        return 0.5 * torch.tensor(posterior[0] / posterior[1]).log()

    weights = by_entropy(asked([gaussian(sharp), gaussian(blunt)], [gaussian(prior)] * 2))
    gains = torch.stack([narrowed(sharp), narrowed(blunt)])
    for weight, gain in zip(weights, gains, strict=True):
        expected = 2 * EQUAL * gain / gains.sum()
        torch.testing.assert_close(weight.flatten(), expected.expand(3), rtol=1e-4, atol=0)


def test_who_knows_nothing_of_use_weighs_as_all_do():
    weights = by_entropy(asked([gaussian(1.0)] * 2, [gaussian(1.0)] * 2))
    assert all(torch.allclose(weight, torch.tensor(EQUAL)) for weight in weights)


@pytest.mark.parametrize(("side", "left"), [(1.0, 1.0), (-1.0, 0.0)])
def test_who_disagrees_weighs_less(side, left):
    state = asked([gaussian(1.0, 1.0), gaussian(1.0, side)], [gaussian(1.0)] * 2)
    assert all(torch.allclose(w, torch.tensor(EQUAL * left), atol=1e-5) for w in by_conflict(state))


def test_all_ways_keep_the_sum_of_the_hand():
    assert sum(HAND) == pytest.approx(2 * EQUAL)
    state = asked([gaussian(0.1), gaussian(0.5)], [gaussian(1.0)] * 2)
    for name in ("equal", "by hand", "entropy, one probe"):
        assert sum(WAYS[name](state)).flatten() == pytest.approx(2 * EQUAL)


def test_half_of_the_conditions_contradict():
    blocks = list(mixed(8))
    assert [len(each) for each in blocks] == [4, 2, 2]
    night, other = blocks[1:]
    assert all(" night" in sentence for sentence in night.sentences)
    assert [facts.time for facts in night.facts] == ["night"] * 2
    same = conditions(0, 2)
    assert other.sentences == same.sentences
    assert not torch.equal(other.mask, same.mask)


def test_every_night_has_a_painted_sun():
    (block,) = night_over_the_sun(3)
    assert ((block.mask == CLASS_INDEX["sun"]).flatten(1).sum(1) >= SUNNY).all()


class Doubles(Expert):
    """Expects what it is told, twice as far from grey."""

    def encode(self, value):
        return torch.zeros(3, 128, 128) if value is None else torch.full((3, 128, 128), 0.2)

    def denoise(self, x, level, conditions):
        return torch.stack(list(conditions))


def test_what_is_played_is_the_product_under_the_weights(cast):
    cast.experts["text"] = cast.experts["mask"] = Doubles()
    block = conditions(0, 2)
    clean = played(cast, block, lambda state: [torch.tensor(1.0), torch.tensor(2.0)], steps=2)
    assert torch.allclose(clean, torch.full_like(clean, 0.6), atol=1e-5)


def test_the_lead_is_over_equal_weights():
    def verdict(kept):
        facts = torch.zeros(4, len(KINDS), 2, dtype=torch.int64)
        facts[:, 0, 1], facts[:, 0, 0] = 10, kept
        regions = torch.ones(4, 3, len(CLASSES), dtype=torch.int64)
        return Verdict(
            facts, torch.ones(4).bool(), regions, torch.ones(4), torch.ones(4), torch.zeros(4, 64)
        )

    lines = told({"equal": verdict(5), "by hand": verdict(7)}).splitlines()
    assert lines[2].endswith("| 0.500 | 0.500 | 0.500 | 0.000 [0.000, 0.000] |")
    assert lines[3].endswith("| 0.700 | 0.700 | 0.700 | 0.200 [0.200, 0.200] |")


def test_two_hundred_conditions_are_measured_unless_less_is_asked():
    assert parser().parse_args([]).conditions == 200
    assert from_images(tuple(conditions(0, 1).masks)).shape == (1, 3, 128, 128)
