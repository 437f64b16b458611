"""What law a plain sampler draws from when experts are composed: its own, known exactly.

Experts N(m_i, v_i) in one dimension, weights w_i summing to W. The probability-flow ODE in ratio
coordinates is dy/dσ = Σ w_i·σ·(y − m_i)/(v_i + σ²), so its samples have the variance
σ_T²·Π (v_i/(v_i + σ_T²))^w_i, and not that of the product of the densities.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from graph.experts.gaussian import Gaussian
from graph.fusion.product import Product
from graph.interfaces import Estimate
from graph.levels import NoiseLevel
from graph.samplers.heun import Heun
from graph.schedules.karras import Karras
from tests.graph.exact import no_noise

COUNT = 200_000
LEFT = Gaussian((1, COUNT), -1.0, 0.25)
RIGHT = Gaussian((1, COUNT), 2.0, 1.0)


def play(
    experts: Sequence[Gaussian],
    weights: Sequence[float],
    background: Gaussian | None = None,
    steps: int = 100,
) -> Tensor:
    """[d, n] of the plain sampler, n independent columns; Heun on Karras levels, σ = 80 … 0.002."""

    def denoise(x: Tensor, level: NoiseLevel) -> Tensor:
        estimates = [Estimate(expert.denoise(x, level, [None])) for expert in experts]
        reference = None if background is None else background.denoise(x, level, [None])
        return Product()(x, level, estimates, weights, [1.0] * len(weights), reference).denoised

    levels = Karras().levels(steps)
    generator = torch.Generator().manual_seed(11)
    noise = torch.randn(1, *experts[0].shape, dtype=torch.float64, generator=generator)
    *_, last = Heun()(denoise, levels[0].sigma * noise, levels, no_noise)
    return last.x[0]


def product_of_densities(
    experts: Sequence[Gaussian], weights: Sequence[float]
) -> tuple[float, float]:
    """Mean and variance of Π p_i^w_i."""
    precision = sum(w / e.variance for w, e in zip(weights, experts, strict=True))
    mean = sum(w * e.mean / e.variance for w, e in zip(weights, experts, strict=True)) / precision
    return mean, 1 / precision


def own_law(
    experts: Sequence[Gaussian], weights: Sequence[float], ratio: float = 80.0, cells: int = 200_000
) -> tuple[float, float]:
    """Mean and variance of the plain sampler, the mean by quadrature of the linear ODE above."""

    def spread(sigma: Tensor) -> Tensor:
        return math.prod(
            (e.variance + sigma**2) ** (0.5 * w) for w, e in zip(weights, experts, strict=True)
        )

    edges = torch.linspace(math.asinh(0.0), math.asinh(ratio), cells + 1, dtype=torch.float64)
    sigma, width = torch.sinh((edges[1:] + edges[:-1]) / 2), torch.sinh(edges).diff()
    pull = sum(
        w * e.mean * sigma / (e.variance + sigma**2) for w, e in zip(weights, experts, strict=True)
    )
    zero, start = spread(torch.zeros(())).item(), spread(torch.tensor(ratio)).item()
    mean = zero * (pull / spread(sigma) * width).sum().item()
    return mean, (ratio * zero / start) ** 2


def test_the_plain_sampler_draws_from_its_own_law_and_not_from_the_product() -> None:
    """D1, against D3."""
    samples = play([LEFT, RIGHT], [0.6, 0.4])
    mean, variance = samples.mean().item(), samples.var().item()
    assert mean == pytest.approx(-0.1182, abs=0.01)
    assert variance == pytest.approx(0.4352, rel=0.02)
    assert (mean, variance) == pytest.approx(own_law([LEFT, RIGHT], [0.6, 0.4]), abs=0.006)
    true_mean, true_variance = product_of_densities([LEFT, RIGHT], [0.6, 0.4])
    assert (true_mean, true_variance) == pytest.approx((-0.5714, 0.3571), abs=1e-4)
    assert abs(mean - true_mean) > 20 * math.sqrt(variance / COUNT)
    assert abs(variance - true_variance) > 20 * variance * math.sqrt(2 / COUNT)


def test_a_net_weight_of_two_without_background_collapses() -> None:
    samples = play([LEFT, RIGHT], [1.0, 1.0])
    assert product_of_densities([LEFT, RIGHT], [1.0, 1.0])[1] == pytest.approx(0.2)
    assert own_law([LEFT, RIGHT], [1.0, 1.0])[1] == pytest.approx(3.9e-5, rel=0.01)
    assert samples.var().item() < 1e-3


@pytest.mark.parametrize("weights", [[2.0, -1.0], [0.6, 0.4]])
def test_equal_variances_and_net_weight_one_sample_the_product(weights: list[float]) -> None:
    """D5: the case in which classifier-free guidance is exact."""
    experts = [Gaussian((1, COUNT), -1.0, 1.0), RIGHT]
    mean, variance = product_of_densities(experts, weights)
    for samples in (
        play(experts, weights),
        play(experts[:1], weights[:1], background=experts[1]),
    ):
        assert samples.mean().item() == pytest.approx(mean, rel=0.02, abs=0.01)
        assert samples.var().item() == pytest.approx(variance, rel=0.02)


def test_and_and_not_of_equal_variances_move_the_mean_by_what_each_weighs() -> None:
    """N(b + Σ w·(m − b), v): NOT pushes as far away as AND pulls.

    The flow keeps standard scores, and starts around 0 at σ = 80 instead of around that mean.
    """
    background = Gaussian((1, COUNT), 0.5, 1.0)
    wanted, unwanted = Gaussian((1, COUNT), 2.0, 1.0), Gaussian((1, COUNT), -1.0, 1.0)
    samples = play([wanted, unwanted], [1.5, -0.7], background, steps=60)
    mean = 0.5 + 1.5 * 1.5 + 0.7 * 1.5
    kept = 1 - 1 / math.hypot(1.0, 80.0)
    assert samples.mean().item() == pytest.approx(mean * kept, abs=0.01)
    assert samples.var().item() == pytest.approx(1.0, rel=0.02)


def test_experts_of_disjoint_blocks_over_a_background_sample_the_product() -> None:
    """D7: each expert says something of its own about one dimension, the rest as the background."""
    shape = (2, COUNT)
    background = Gaussian(shape, 0.5, 2.0)
    first = Gaussian(shape, ((-1.0,), (0.5,)), ((0.25,), (2.0,)))
    second = Gaussian(shape, ((0.5,), (2.0,)), ((2.0,), (1.0,)))
    samples = play([first, second], [1.0, 1.0], background, steps=40)
    assert samples.mean(1).tolist() == pytest.approx([-1.0, 2.0], abs=0.03)
    assert samples.var(1).tolist() == pytest.approx([0.25, 1.0], rel=0.06)
    assert samples.corrcoef()[0, 1].abs() < 0.02
