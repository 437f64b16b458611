"""A composition taken apart: the factors are those of the rule, whatever it is measured against."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import graph.fusion
from graph.composing import Composition
from graph.fusion.mean import Mean
from graph.fusion.product import Product
from graph.interfaces import Estimate, FusionRule, Part
from graph.levels import NoiseLevel
from graph.registry import choices

LEVEL = NoiseLevel.from_noise(0.4)
MULTIPLYING = [
    *(rule() for rule in choices(graph.fusion, FusionRule).values() if rule.multiplies),
    Product(reference="own"),
]


def part(value: Tensor) -> Part:
    return Part(value, lambda: value)


def told(each: Part) -> Tensor:
    known = each.log_density()
    assert known is not None
    return known


A, B, N, M, G = torch.arange(15, dtype=torch.float64).sin().reshape(5, 3, 1)


@pytest.mark.parametrize(
    ("rule", "nulls", "background", "expected"),
    [
        (Product(), False, None, 2.0 * A - 0.5 * B),
        (Product(), False, G, 2.0 * A - 0.5 * B - 0.5 * G),
        (Product(), True, None, 2.0 * A - 0.5 * B - 0.5 * (N + 3.0 * M) / 4.0),
        (Product(reference="own"), True, G, G + 2.0 * (A - N) - 0.5 * (B - M)),
        (Mean(), False, None, A),
    ],
)
def test_the_factors_are_those_of_the_rule(
    rule: FusionRule, nulls: bool, background: Tensor | None, expected: Tensor
) -> None:
    composed = Composition(
        rule,
        LEVEL,
        [(part(A), part(N) if nulls else None), (part(B), part(M) if nulls else None)],
        [2.0, -0.5],
        [1.0, 3.0],
        None if background is None else part(background),
    )
    assert torch.allclose(composed.weighed(told), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("rule", MULTIPLYING, ids=str)
def test_a_rule_that_says_it_multiplies_is_linear_in_its_estimates(rule: FusionRule) -> None:
    """The factors do not change with what the experts say."""

    def fused(one: Tensor, two: Tensor, null: Tensor, x: Tensor) -> Tensor:
        estimates = [Estimate(one, null), Estimate(two, null)]
        return rule(x, LEVEL, estimates, [0.9, 0.4], [1.0, 2.0], None).denoised

    both = fused(A + 3.0 * B, B - G, N + 2.0 * M, M * 0.0)
    apart = fused(A, B, N, M * 0.0) + fused(3.0 * B, -G, 2.0 * M, M * 0.0)
    assert torch.allclose(both, apart, rtol=0, atol=1e-12)
