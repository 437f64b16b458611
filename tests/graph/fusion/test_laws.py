"""Laws that every fusion rule keeps; a new rule in the folder is held to them by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import graph.fusion
from graph.fusion.product import Product
from graph.interfaces import Estimate, Fused, FusionRule
from graph.levels import PURE_NOISE, NoiseLevel
from graph.registry import choices

RULES = [*(rule() for rule in choices(graph.fusion, FusionRule).values()), Product(reference="own")]
DIVIDED = [rule for rule in RULES if rule.name != "conflict_averse"]
"""Two halves of an expert stand in the way of a third twice, where conflicts are taken away."""
COMPLETED = [rule for rule in RULES if rule.needs_background]

each_rule = pytest.mark.parametrize("rule", RULES, ids=str)
each_divided_rule = pytest.mark.parametrize("rule", DIVIDED, ids=str)
each_completed_rule = pytest.mark.parametrize("rule", COMPLETED, ids=str)
examples = settings(max_examples=50, deadline=None)
SHAPE = (2, 3)


@dataclass(frozen=True)
class Case:
    """Everything a rule is called with."""

    x: Tensor
    level: NoiseLevel
    estimates: list[Estimate]
    weights: list[Tensor | float]
    shares: list[float]
    background: Tensor | None

    def fuse(self, rule: FusionRule) -> Fused:
        return rule(self.x, self.level, self.estimates, self.weights, self.shares, self.background)

    def drawn(self, order: list[int]) -> Case:
        return replace(
            self,
            estimates=[self.estimates[i] for i in order],
            weights=[self.weights[i] for i in order],
            shares=[self.shares[i] for i in order],
        )


def random(seed: int) -> Tensor:
    return torch.randn(SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def tensors() -> st.SearchStrategy[Tensor]:
    return st.integers(0, 1 << 20).map(random)


@st.composite
def faders(draw: st.DrawFn) -> Tensor | float:
    """A number, a number per sample or a map."""
    shape = draw(st.sampled_from([None, (2, 1), (1, 3), (2, 3)]))
    numbers = st.floats(0.1, 3)
    if shape is None:
        return draw(numbers)
    count = shape[0] * shape[1]
    values = draw(st.lists(numbers, min_size=count, max_size=count))
    return torch.tensor(values, dtype=torch.float64).reshape(shape)


@st.composite
def cases(
    draw: st.DrawFn, least: int = 1, reference: tuple[str, ...] = ("wired", "nulls", "none")
) -> Case:
    count = draw(st.integers(least, 6))
    kind = draw(st.sampled_from(reference))
    nulls = kind == "nulls" or (kind == "wired" and draw(st.booleans()))
    return Case(
        x=draw(tensors()),
        level=NoiseLevel.from_noise(draw(st.floats(0.0, 0.95))),
        estimates=[
            Estimate(draw(tensors()), draw(tensors()) if nulls else None) for _ in range(count)
        ],
        weights=[draw(faders()) for _ in range(count)],
        shares=[draw(st.floats(0.1, 1)) for _ in range(count)],
        background=draw(tensors()) if kind == "wired" else None,
    )


def close(left: Tensor, right: Tensor) -> bool:
    """Equal to 1e-12 of the numbers at hand, which reach weights · estimates · x/alpha."""
    scale = max(1.0, left.abs().max().item(), right.abs().max().item())
    return torch.allclose(left, right, rtol=0, atol=1e-12 * scale)


@each_rule
@examples
@given(
    case=cases(least=2),
    at=st.integers(0, 5),
    silent=st.sampled_from([0.0, torch.zeros(()), torch.zeros(2, 1), torch.zeros(1, 3)]),
)
def test_weight_zero_is_removed_to_the_bit(
    rule: FusionRule, case: Case, at: int, silent: Tensor | float
) -> None:
    at %= len(case.estimates)
    muted = replace(case, weights=[*case.weights[:at], silent, *case.weights[at + 1 :]])
    others = [index for index in range(len(case.estimates)) if index != at]
    removed = case.drawn(others).fuse(rule)
    assert torch.equal(muted.fuse(rule).denoised, removed.denoised)
    assert torch.equal(muted.fuse(rule).base, removed.base)
    assert not muted.fuse(rule).terms[at].any()


@each_rule
@examples
@given(case=cases(), shuffler=st.randoms(use_true_random=False))
def test_order_does_not_matter(rule: FusionRule, case: Case, shuffler: Random) -> None:
    order = list(range(len(case.estimates)))
    shuffler.shuffle(order)
    here, there = case.fuse(rule), case.drawn(order).fuse(rule)
    assert close(here.denoised, there.denoised)
    assert close(here.terms[order], there.terms)


@each_divided_rule
@examples
@given(case=cases(), at=st.integers(0, 5))
def test_an_expert_in_two_halves_is_the_expert(rule: FusionRule, case: Case, at: int) -> None:
    at %= len(case.estimates)
    twice = case.drawn([*range(len(case.estimates)), at])
    for index in (at, -1):
        twice.weights[index] = twice.weights[index] / 2
        twice.shares[index] /= 2
    assert close(twice.fuse(rule).denoised, case.fuse(rule).denoised)


@each_rule
@examples
@given(case=cases(), agreed=tensors())
def test_agreeing_experts_change_nothing(rule: FusionRule, case: Case, agreed: Tensor) -> None:
    """Where all estimates and the background are one, that one is painted at any weights."""
    case = replace(
        case,
        estimates=[Estimate(agreed, agreed) for _ in case.estimates],
        background=None if case.background is None else agreed,
    )
    assert close(case.fuse(rule).denoised, agreed)


@each_completed_rule
@examples
@given(case=cases(reference=("wired",)), weight=faders(), share=st.floats(0.1, 1))
def test_an_expert_that_says_what_the_background_says_changes_nothing(
    rule: FusionRule, case: Case, weight: Tensor | float, share: float
) -> None:
    more = replace(
        case,
        estimates=[*case.estimates, Estimate(case.background)],
        weights=[*case.weights, weight],
        shares=[*case.shares, share],
    )
    assert close(more.fuse(rule).denoised, case.fuse(rule).denoised)


@each_completed_rule
@examples
@given(x=tensors(), clean=tensors(), null=tensors(), scale=st.floats(-3, 9), share=st.floats(0, 1))
def test_one_expert_is_classifier_free_guidance(
    rule: FusionRule, x: Tensor, clean: Tensor, null: Tensor, scale: float, share: float
) -> None:
    for level in (PURE_NOISE, NoiseLevel.from_noise(0.5)):
        fused = rule(x, level, [Estimate(clean, null)], [scale], [share], None)
        assert close(fused.denoised, null + scale * (clean - null))


@each_rule
@examples
@given(case=cases(), shift=tensors())
def test_moving_the_world_moves_the_estimate(rule: FusionRule, case: Case, shift: Tensor) -> None:
    total = sum(case.weights)
    case = replace(case, weights=[weight / total for weight in case.weights])
    moved = replace(
        case,
        x=case.x + case.level.alpha * shift,
        estimates=[
            Estimate(each.denoised + shift, None if each.null is None else each.null + shift)
            for each in case.estimates
        ],
        background=None if case.background is None else case.background + shift,
    )
    assert close(moved.fuse(rule).denoised, case.fuse(rule).denoised + shift)


@each_rule
@examples
@given(case=cases(reference=("wired", "nulls")))
def test_the_base_is_what_is_painted_with_every_weight_at_zero(
    rule: FusionRule, case: Case
) -> None:
    silent = replace(case, weights=[0.0 for _ in case.weights]).fuse(rule)
    assert torch.equal(silent.denoised, case.fuse(rule).base)


@each_rule
@examples
@given(case=cases(least=2), muted=st.sampled_from([None, 0, 1]))
def test_a_sample_does_not_depend_on_its_batch(
    rule: FusionRule, case: Case, muted: int | None
) -> None:
    weights = [torch.ones(SHAPE, dtype=torch.float64) * weight for weight in case.weights]
    if muted is not None:
        weights[0][muted] = 0.0
    together = replace(case, weights=weights).fuse(rule).denoised
    for index in range(SHAPE[0]):
        row = slice(index, index + 1)
        alone = Case(
            x=case.x[row],
            level=case.level,
            estimates=[
                Estimate(each.denoised[row], None if each.null is None else each.null[row])
                for each in case.estimates
            ],
            weights=[weight[row] for weight in weights],
            shares=case.shares,
            background=None if case.background is None else case.background[row],
        )
        assert torch.equal(together[row], alone.fuse(rule).denoised)
