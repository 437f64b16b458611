from dataclasses import dataclass, replace

import pytest
import torch

from graph.interfaces import Likelihood, Modulator
from graph.levels import CLEAN
from graph.parametrisation import Native, answer
from tests.training.judge.conftest import Knows
from training.judge.conditions import conditions, from_images
from training.judge.ensemble import paint as states
from training.judge.rows import GUIDANCE, Part, Row, ruled

ASKED = conditions(0, 3, "judge ensemble test")


def paint(row, cast, asked, seed):
    return cast.decoded(states(row, cast, asked, seed))


def row(rule, *parts, steps=4):
    return Row("a row", rule, tuple(Part(name, (name,), weight) for name, weight in parts), steps)


def test_every_sample_has_its_own_condition(cast):
    painted = from_images(paint(row("product", ("mask", 1.0)), cast, ASKED, seed=0))
    expected = from_images(tuple(ASKED.masks))
    assert torch.allclose(painted, expected, atol=1 / 254)


def test_a_block_does_not_depend_on_where_it_is_cut(cast):
    asked = conditions(1, 2, "judge ensemble test")
    ensemble = row("product", ("text", 0.5), ("mask", 0.5))
    whole = from_images(paint(ensemble, cast, ASKED, seed=3))
    cast._read.clear()
    part = from_images(paint(ensemble, cast, asked, seed=3))
    assert torch.equal(whole[1:], part)


def test_the_mean_averages_experts_guided_for_themselves(cast):
    painted = from_images(paint(row("mean", ("mask", 1.0), ("sketch", 1.0)), cast, ASKED, seed=0))
    expected = (from_images(tuple(ASKED.masks)) + from_images(tuple(ASKED.sketches))) / 2
    assert torch.allclose(painted, expected, atol=1 / 127)


def test_a_mean_at_so_many_times_the_weight_as_it_has_experts_is_the_product(cast):
    mean = row("mean", ("mask", 1.0), ("sketch", 1.6), ("text", 0.6))
    product = row("product", *((part.expert, part.guidance / 3) for part in mean.parts))
    same = [states(each, cast, ASKED, seed=0) for each in (mean, product)]
    torch.testing.assert_close(*same, atol=2e-6, rtol=0)


def test_alternating_ends_with_the_last_expert_and_asks_one_at_a_time(cast):
    ensemble = row("alternating", ("mask", 1.0), ("sketch", 1.0))
    painted = from_images(paint(ensemble, cast, ASKED, seed=0))
    assert torch.allclose(painted, from_images(tuple(ASKED.sketches)), atol=1 / 254)
    asked = cast.experts["mask"].asked + cast.experts["sketch"].asked
    assert asked == ensemble.calls * len(ASKED)


@pytest.mark.parametrize("rule", ["product", "mean"])
def test_an_expert_at_zero_is_as_if_it_were_not_there(cast, rule):
    alone = paint(row(rule, ("mask", 1.0)), cast, ASKED, seed=0)
    parts = (Part("mask", ("mask",), 1.0), Part("sketch", ("sketch",), 1.0, fader=0.0))
    faded = paint(Row("faded", rule, parts, 4), cast, ASKED, seed=0)
    assert [a.tobytes() for a in alone] == [b.tobytes() for b in faded]


@pytest.mark.parametrize("number", range(len(ruled(GUIDANCE, 2))))
def test_a_rule_or_corrector_asks_as_often_as_its_row_says(cast, number):
    few = replace(ruled(GUIDANCE, 2)[number], steps=3)
    painted = states(few, cast, ASKED.only(0), seed=0)
    assert painted.shape == (1, *cast.shape)
    assert painted.isfinite().all()
    assert sum(expert.asked for expert in cast.experts.values()) == few.calls


def test_conditions_of_one_picture_are_those_of_its_number(cast):
    alone = ASKED.only(1)
    assert (alone.start, len(alone)) == (ASKED.start + 1, 1)
    assert (alone.sentences, alone.masks) == (ASKED.sentences[1:2], ASKED.masks[1:2])
    ensemble = row("switch", ("text", 0.5), ("mask", 0.5))
    whole = states(ensemble, cast, ASKED, seed=3)
    cast._read.clear()
    assert torch.equal(states(ensemble, cast, alone, seed=3), whole[1:2])


def test_a_switch_ends_with_the_last_of_its_experts(cast):
    ensemble = row("switch", ("mask", 1.0), ("sketch", 1.0))
    painted = from_images(paint(ensemble, cast, ASKED, seed=0))
    assert torch.allclose(painted, from_images(tuple(ASKED.sketches)), atol=1 / 254)


def test_particles_are_those_of_one_condition(cast):
    (weighed,) = (each for each in ruled(GUIDANCE, 2) if each.particles > 1)
    few = replace(weighed, steps=3, parts=(Part("mask", ("mask",), 1.0),))
    painted = from_images(paint(few, cast, ASKED, seed=0))
    assert torch.allclose(painted, from_images(tuple(ASKED.masks)), atol=1 / 254)


def test_the_joint_model_is_asked_by_name_and_counted(cast):
    joint = Row("joint", "product", (Part("joint", ("mask", "sketch"), 1.0),), 4)
    painted = from_images(paint(joint, cast, ASKED, seed=0))
    assert torch.allclose(painted, from_images(tuple(ASKED.masks)), atol=1 / 254)
    assert cast.experts["joint"].asked == joint.calls * len(ASKED)


def test_without_a_condition_the_network_is_asked_once_a_step(cast):
    free = Row("free", "product", (Part("unconditional", (), 1.0),), 4)
    paint(free, cast, ASKED, seed=0)
    assert cast.experts["unconditional"].asked == free.calls * len(ASKED)


@dataclass
class Copies(Modulator):
    """Rewrites v so that D is the last map it is told."""

    @classmethod
    def load(cls, companion, machine):
        raise NotImplementedError

    def reader(self, kind):
        return Knows()

    def stack(self, maps):
        return list(maps.values())[-1]

    def change(self, x, velocity, level, maps):
        native = Native(level.alpha, level.sigma, level.noise)
        return answer("v", torch.stack(list(maps)), x, native) - velocity


@pytest.mark.parametrize("maps", [("mask",), ("sketch",), ("mask", "sketch")])
def test_a_modulator_is_told_the_maps_of_every_sample(cast, maps):
    cast.modulators["copies"] = Copies()
    part = Part("unconditional", (), 1.0, modulator="copies", maps=maps)
    bent = Row("bent", "product", (part,), 4)
    painted = from_images(paint(bent, cast, ASKED, seed=0))
    shown = ASKED.masks if maps[-1] == "mask" else ASKED.sketches
    assert torch.allclose(painted, from_images(tuple(shown)), atol=1 / 127)
    assert bent.asks == maps


def test_a_modulator_at_zero_leaves_its_expert_alone(cast):
    cast.modulators["copies"] = Copies()
    part = Part("text", ("text",), 2.0)
    alone = paint(Row("alone", "product", (part,), 4), cast, ASKED, seed=0)
    silent = replace(part, modulator="copies", maps=("mask",), bend=0.0)
    bent = paint(Row("bent", "product", (silent,), 4), cast, ASKED, seed=0)
    assert [a.tobytes() for a in alone] == [b.tobytes() for b in bent]


class Likes(Likelihood):
    """log p(y | picture) of a picture y with Gaussian noise."""

    @classmethod
    def load(cls, companion, machine):
        raise NotImplementedError

    def encode(self, value):
        return Knows().encode(value)

    def read(self, pictures, level=CLEAN):
        return pictures

    def log_density(self, answer, targets):
        return -0.5 * (torch.stack(list(targets)) - answer).square().flatten(1).sum(1)

    def divergence(self, answer, teacher):
        return (answer - teacher).square().flatten(1).sum(1)


@pytest.mark.parametrize(("target", "method"), [("mask", "estimate"), ("depth", "tfg")])
def test_an_onlooker_leads_every_sample_to_its_own_target(cast, target, method):
    cast.onlookers["likes"] = Likes()
    free = Part("unconditional", (), 1.0)
    led = replace(free, onlooker="likes", target=target, method=method, scale=0.1)
    wanted = from_images(tuple(ASKED.of(target)))
    off = [
        (from_images(paint(Row("a row", "product", (part,), 4), cast, ASKED, seed=0)) - wanted)
        .square()
        .mean((1, 2, 3))
        for part in (free, led)
    ]
    assert (off[1] < off[0]).all()
    assert Row("led", "product", (led,), 4).asks == (target,)
