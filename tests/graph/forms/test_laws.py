"""Laws that every form of guidance keeps; a new form in the folder is held to them by itself."""

from __future__ import annotations

from random import Random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import graph.forms
import graph.fusion
from graph.forms.apg import Apg
from graph.forms.interval import Interval
from graph.interfaces import Estimate, Fused, FusionRule, GuidanceForm
from graph.levels import CLEAN, PURE_NOISE, NoiseLevel
from graph.registry import choices
from tests.graph import formable
from tests.graph.formable import asked, random

FORMS = [
    *(form() for form in choices(graph.forms, GuidanceForm).values()),
    Apg(threshold=1.5, momentum=-0.5, eta=0.3),
    Interval(from_noise=0.0, to_noise=0.0),
]
RULES = [rule() for rule in choices(graph.fusion, FusionRule).values() if rule.needs_background]
each_form = pytest.mark.parametrize("form", FORMS, ids=str)
each_rule = pytest.mark.parametrize("rule", RULES, ids=str)
examples = settings(max_examples=40, deadline=None)
levels = st.floats(0.0, 1.0).map(NoiseLevel.from_noise)
seeds = st.integers(0, 1 << 20)


def estimates(seed: int, count: int) -> list[Estimate]:
    return [Estimate(random(seed + 2 * i), random(seed + 2 * i + 1)) for i in range(count)]


def walk(form: GuidanceForm, pairs: list[tuple[Tensor, NoiseLevel, tuple[Fused, Fused]]]) -> Fused:
    """What a form makes of the last of several states."""
    memory = None
    for x, level, pair in pairs:
        memory = form.follow(memory, x, level, *pair)
    x, level, pair = pairs[-1]
    return form(x, level, *pair, memory, 2.5)


@each_form
@each_rule
@examples
@given(seed=seeds, level=levels, count=st.integers(1, 3))
def test_with_every_weight_at_zero_the_background_is_left_to_the_bit(
    form: GuidanceForm, rule: FusionRule, seed: int, level: NoiseLevel, count: int
) -> None:
    x = random(seed + 99)
    pair = asked(x, level, estimates(seed, count), [0.0] * count, rule)
    assert torch.equal(formable.given(form, x, level, pair, 2.5).denoised, pair[0].base)


@pytest.mark.parametrize("form", [form for form in FORMS if not form.renoises], ids=str)
@each_rule
@examples
@given(seed=seeds, level=levels, signs=st.lists(st.sampled_from([1.0, -1.0]), min_size=1))
def test_without_guidance_there_is_nothing_to_form(
    form: GuidanceForm, rule: FusionRule, seed: int, level: NoiseLevel, signs: list[float]
) -> None:
    x, signs = random(seed + 99), signs[:3]
    pair = asked(x, level, estimates(seed, len(signs)), signs, rule)
    formed = formable.given(form, x, level, pair)
    assert torch.allclose(formed.base, pair[0].base, rtol=0, atol=1e-12)
    assert torch.allclose(formed.terms, pair[0].terms, rtol=0, atol=1e-12)


@each_form
@examples
@given(seed=seeds, level=levels)
def test_a_sample_does_not_depend_on_its_batch(
    form: GuidanceForm, seed: int, level: NoiseLevel
) -> None:
    def states(row: slice) -> list[tuple[Tensor, NoiseLevel, tuple[Fused, Fused]]]:
        found = []
        for step in range(3):
            x = random(seed + 50 + step)[row]
            answers = [
                Estimate(each.denoised[row], each.null[row])
                for each in estimates(seed + 10 * step, 2)
            ]
            found.append((x, level, asked(x, level, answers, [4.0, 2.5])))
        return found

    together = walk(form, states(slice(None))).denoised
    for index in range(3):
        row = slice(index, index + 1)
        alone = walk(form, states(row)).denoised
        assert torch.allclose(together[row], alone, rtol=0, atol=1e-12)


@each_form
@examples
@given(seed=seeds, level=levels, shuffler=st.randoms(use_true_random=False))
def test_the_order_of_experts_does_not_matter_and_each_keeps_its_term(
    form: GuidanceForm, seed: int, level: NoiseLevel, shuffler: Random
) -> None:
    order = list(range(3))
    shuffler.shuffle(order)
    x, weights, answers = random(seed + 99), [4.0, 0.5, -2.0], estimates(seed, 3)
    here = formable.given(form, x, level, asked(x, level, answers, weights), 2.5)
    drawn = asked(x, level, [answers[i] for i in order], [weights[i] for i in order])
    there = formable.given(form, x, level, drawn, 2.5)
    assert torch.allclose(here.base, there.base, rtol=0, atol=1e-12)
    assert torch.allclose(here.terms[order], there.terms, rtol=0, atol=1e-12)


@each_form
@pytest.mark.parametrize("level", [PURE_NOISE, CLEAN], ids=["pure noise", "clean"])
def test_it_is_finite_at_both_ends(form: GuidanceForm, level: NoiseLevel) -> None:
    x = random(1)
    answers = estimates(7, 2) if level is PURE_NOISE else [Estimate(x, x)] * 2
    formed = formable.given(form, x, level, asked(x, level, answers, [7.0, 3.0]))
    assert torch.isfinite(formed.denoised).all()
    assert len(formed.terms) == 2
    if level is CLEAN:
        assert torch.allclose(formed.denoised, x, rtol=0, atol=1e-12)
