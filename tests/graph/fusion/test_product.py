from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graph.errors import ChoraleError
from graph.fusion.product import Product
from graph.interfaces import Estimate
from graph.levels import PURE_NOISE, NoiseLevel

LEVELS = [NoiseLevel.from_noise(noise) for noise in (0.99, 0.6, 0.2, 0.01)]
WEIGHTS = [1.5, 0.4, -0.7]
SHARES = [0.5, 0.2, 0.3]


def draw(count: int, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    generator = torch.Generator().manual_seed(7)
    return list(torch.randn(count, 4, 2, 3, dtype=dtype, generator=generator))


def noise(clean: Tensor, x: Tensor, level: NoiseLevel) -> Tensor:
    return (x - level.alpha * clean) / level.sigma


@pytest.mark.parametrize("level", LEVELS)
def test_equals_unite_and_conquer(level: NoiseLevel) -> None:
    x, *samples = draw(7)
    clean, nulls = samples[:3], samples[3:]
    fused = Product()(x, level, list(map(Estimate, clean, nulls)), WEIGHTS, SHARES, None)
    theirs = sum(w * noise(d, x, level) for w, d in zip(WEIGHTS, clean, strict=True)) - (
        sum(WEIGHTS) - 1
    ) * sum(b * noise(n, x, level) for b, n in zip(SHARES, nulls, strict=True))
    assert torch.allclose(noise(fused.denoised, x, level), theirs, rtol=0, atol=1e-11)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("own", ["mix", "own"])
def test_equals_composable_diffusion_where_one_null_is_shared(level: NoiseLevel, own: str) -> None:
    """AND adds what a condition changes to the null, NOT takes it away."""
    x, wanted, too, unwanted, null = draw(5)
    estimates = [Estimate(each, null) for each in (wanted, too, unwanted)]
    fused = Product(reference=own)(x, level, estimates, [2.0, 1.5, -0.7], SHARES, None)
    free = noise(null, x, level)
    theirs = free + 2.0 * (noise(wanted, x, level) - free)
    theirs = theirs + 1.5 * (noise(too, x, level) - free)
    theirs = theirs - 0.7 * (noise(unwanted, x, level) - free)
    assert torch.allclose(noise(fused.denoised, x, level), theirs, rtol=0, atol=1e-11)


def test_shares_are_normalised_over_the_nulls_that_are_there() -> None:
    x, first, second, null, other, third = draw(6)
    estimates = [Estimate(first, null), Estimate(second, other), Estimate(third)]
    fused = Product()(x, LEVELS[1], estimates, [1.0, 2.0, 0.5], [0.3, 0.1, 0.9], None)
    base = 0.75 * null + 0.25 * other
    assert torch.allclose(fused.base, base, rtol=0, atol=1e-14)
    expected = base + (first - base) + 2 * (second - base) + 0.5 * (third - base)
    assert torch.allclose(fused.denoised, expected, rtol=0, atol=1e-13)


def test_shares_of_zero_count_alike() -> None:
    x, first, second, null, other = draw(5)
    estimates = [Estimate(first, null), Estimate(second, other)]
    fused = Product()(x, LEVELS[1], estimates, [1.0, 1.0], [0.0, 0.0], None)
    assert torch.allclose(fused.base, (null + other) / 2, rtol=0, atol=1e-14)
    fused = Product()(x, LEVELS[1], estimates, [0.0, 1.0], [1.0, 0.0], None)
    assert torch.equal(fused.base, other)


def test_own_reference_measures_each_expert_against_its_own_null() -> None:
    x, first, second, null, other = draw(5)
    estimates = [Estimate(first, null), Estimate(second, other)]
    fused = Product(reference="own")(x, LEVELS[1], estimates, [5.0, 4.0], [5 / 9, 4 / 9], None)
    base = 5 / 9 * null + 4 / 9 * other
    expected = base + 5 * (first - null) + 4 * (second - other)
    assert torch.allclose(fused.denoised, expected, rtol=0, atol=1e-13)


def test_a_wired_background_replaces_the_nulls() -> None:
    x, first, null, background = draw(4)
    fused = Product()(x, LEVELS[1], [Estimate(first, null)], [3.0], [1.0], background)
    assert torch.equal(fused.base, background)
    assert torch.allclose(fused.denoised, background + 3 * (first - background), rtol=0, atol=1e-13)


@pytest.mark.parametrize("level", LEVELS)
def test_without_background_is_the_plain_sum_of_scores(level: NoiseLevel) -> None:
    x, *clean = draw(4)
    fused = Product()(x, level, list(map(Estimate, clean)), WEIGHTS, SHARES, None)
    scores = [(level.alpha * d - x) / level.sigma**2 for d in clean]
    total = sum(w * score for w, score in zip(WEIGHTS, scores, strict=True))
    expected = (x + level.sigma**2 * total) / level.alpha
    assert torch.allclose(fused.denoised, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("weights", [[0.6, 0.4], [0.1, 0.9], [2.0, -1.0]])
def test_weights_that_sum_to_one_need_no_background_even_at_pure_noise(
    weights: list[float],
) -> None:
    x, first, second = draw(3, torch.float32)
    for level in (PURE_NOISE, NoiseLevel.from_ratio(1e5)):
        fused = Product()(x, level, [Estimate(first), Estimate(second)], weights, [1.0, 1.0], None)
        expected = weights[0] * first + weights[1] * second
        assert torch.allclose(fused.denoised, expected, rtol=0, atol=2e-6)


def test_a_sum_without_finite_value_is_refused() -> None:
    x, first, second = draw(3)
    estimates = [Estimate(first), Estimate(second)]
    with pytest.raises(ChoraleError, match=r"F005 The weights sum to 2 .*Add a background"):
        Product()(x, PURE_NOISE, estimates, [1.0, 1.0], [1.0, 1.0], None)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rounding_in_the_weights_is_no_lack_of_weight(dtype: torch.dtype) -> None:
    """Ten tenths do not sum to one in either precision."""
    x, *clean = draw(11, dtype)
    fused = Product()(x, PURE_NOISE, list(map(Estimate, clean)), [0.1] * 10, [1.0] * 10, None)
    assert torch.allclose(fused.denoised, sum(clean) / 10, rtol=0, atol=2e-6)
