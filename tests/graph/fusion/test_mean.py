from __future__ import annotations

import torch
from torch import Tensor

from graph.fusion.mean import Mean
from graph.interfaces import Estimate
from graph.levels import PURE_NOISE, NoiseLevel
from graph.samplers.ddim import Ddim
from graph.samplers.euler import Euler
from graph.samplers.euler_maruyama import EulerMaruyama

LEVEL = NoiseLevel.from_noise(0.4)


def draw(count: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(7)
    return list(torch.randn(count, 4, 2, 3, dtype=torch.float64, generator=generator))


def test_is_the_weighted_mean_at_every_level() -> None:
    x, first, second, null = draw(4)
    for level in (LEVEL, PURE_NOISE):
        for background in (None, null):
            estimates = [Estimate(first), Estimate(second)]
            fused = Mean()(x, level, estimates, [3.0, 1.0], [1.0, 1.0], background)
            assert torch.allclose(fused.denoised, 0.75 * first + 0.25 * second, rtol=0, atol=1e-13)


def test_maps_blend_pixel_by_pixel() -> None:
    x, first, second = draw(3)
    left = torch.tensor([1.0, 0.5, 0.0], dtype=torch.float64)
    fused = Mean()(x, LEVEL, [Estimate(first), Estimate(second)], [left, 1 - left], [1, 1], None)
    assert torch.allclose(fused.denoised[..., 0], first[..., 0], rtol=0, atol=1e-13)
    assert torch.allclose(fused.denoised[..., 2], second[..., 2], rtol=0, atol=1e-13)
    halfway = (first + second)[..., 1] / 2
    assert torch.allclose(fused.denoised[..., 1], halfway, rtol=0, atol=1e-13)


def test_where_no_weight_is_the_background_is_painted() -> None:
    x, first, second, null, other = draw(5)
    bare = [Estimate(first), Estimate(second)]
    with_nulls = [Estimate(first, null), Estimate(second, other)]
    silent = [0.0, 0.0]
    for estimates, background, expected in (
        (bare, None, (first + second) / 2),
        (with_nulls, None, 0.75 * null + 0.25 * other),
        (with_nulls, x, x),
    ):
        fused = Mean()(x, LEVEL, estimates, silent, [0.3, 0.1], background)
        assert torch.allclose(fused.denoised, expected, rtol=0, atol=1e-14)


def test_a_weight_below_zero_counts_as_zero() -> None:
    x, first, second, null = draw(4)
    estimates = [Estimate(first), Estimate(second)]
    for weight in (-0.5, torch.tensor(-1.0), torch.tensor([-1.0, -2.0, 0.0])):
        fused = Mean()(x, LEVEL, estimates, [1.0, weight], [1.0, 1.0], null)
        assert torch.allclose(fused.denoised, first, rtol=0, atol=1e-14)
        assert not fused.terms[1].any()


def test_terms_say_who_moved_the_estimate_away_from_the_background() -> None:
    x, first, second, null = draw(4)
    estimates = [Estimate(first), Estimate(null)]
    fused = Mean()(x, LEVEL, estimates, [1.0, 1.0], [1.0, 1.0], null)
    assert torch.allclose(fused.terms[0], (first - null) / 2, rtol=0, atol=1e-14)
    assert not fused.terms[1].any()
    assert second.shape == fused.denoised.shape


def test_with_maps_a_step_is_the_blend_of_each_region_s_own_step() -> None:
    """MultiDiffusion: x' = Σ Wⱼ·Φ(x | yⱼ)/Σ Wⱼ, for any update Φ that is affine in D."""
    x, *clean, z = draw(5)
    masks = [each[0, 0].abs() + 0.1 for each in draw(len(clean))]
    estimates = list(map(Estimate, clean))
    for sampler in (Ddim(), Ddim(eta=1.0), Euler(), EulerMaruyama()):
        pair = LEVEL, NoiseLevel.from_noise(0.3)

        def fused(x: Tensor, level: NoiseLevel) -> Tensor:
            return Mean()(x, level, estimates, masks, [1.0] * len(masks), None).denoised

        (whole,) = sampler(fused, x, pair, lambda: z)
        own = [next(sampler(lambda *_, d=d: d, x, pair, lambda: z)).x for d in clean]
        blend = sum(mask * each for mask, each in zip(masks, own, strict=True)) / sum(masks)
        assert torch.allclose(whole.x, blend, rtol=0, atol=1e-12)
