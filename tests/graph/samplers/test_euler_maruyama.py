from __future__ import annotations

import itertools

import pytest
import torch

from graph.levels import CLEAN, PURE_NOISE, NoiseLevel
from graph.samplers.ddim import Ddim
from graph.samplers.euler_maruyama import EulerMaruyama
from graph.schedules.karras import Karras
from tests.graph.exact import GaussianFlow

TARGET = GaussianFlow([-1.0, 2.0], [0.25, 1.0])


def test_a_step_is_the_one_of_the_textbook() -> None:
    here, there = NoiseLevel.from_ratio(3.0), NoiseLevel.from_ratio(2.0)
    x, z = torch.randn(2, 5, 2, dtype=torch.float64)
    (step,) = EulerMaruyama()(TARGET.denoise, x, [here, there], lambda: z)
    y = x / here.alpha
    score = (TARGET.mean - y) / (TARGET.variance + 9.0)
    expected = y + (9.0 - 4.0) * score + (9.0 - 4.0) ** 0.5 * z
    assert torch.allclose(step.x / there.alpha, expected, rtol=0, atol=1e-12)


def test_from_pure_noise_and_into_clean_it_is_the_ancestral_step() -> None:
    x, z = torch.randn(2, 5, 2, dtype=torch.float64)
    for levels in ([PURE_NOISE, NoiseLevel.from_noise(0.7)], [NoiseLevel.from_noise(0.2), CLEAN]):
        (ours,) = EulerMaruyama()(TARGET.denoise, x, levels, lambda: z)
        (theirs,) = Ddim(eta=1.0)(TARGET.denoise, x, levels, lambda: z)
        assert torch.allclose(ours.x, theirs.x, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("mean", "variance"), [(-0.2589, 0.4036)])
def test_two_gaussians_weighed_sample_the_law_of_the_diffusion(
    mean: float, variance: float
) -> None:
    """D2: weights 0.6 and 0.4, 1,000 steps. Not the law of the flow, nor that of the product.

    Both experts are linear, so the law is read off a batch: row 0 starts at zero and hears no
    draw, row 1 starts at one, row 2 + i hears the i-th draw alone.
    """
    left, right = GaussianFlow([-1.0], [0.25]), GaussianFlow([2.0], [1.0])
    levels = Karras().levels(1000)
    x = torch.zeros(len(levels) + 1, 1, dtype=torch.float64)
    x[1] = 1.0
    drawn = itertools.count(2)

    def draw() -> torch.Tensor:
        noise = torch.zeros_like(x)
        noise[next(drawn)] = 1.0
        return noise

    def denoise(x: torch.Tensor, level: NoiseLevel) -> torch.Tensor:
        return 0.6 * left.denoise(x, level) + 0.4 * right.denoise(x, level)

    *_, last = EulerMaruyama()(denoise, x, levels, draw)
    assert last.x[0].item() == pytest.approx(mean, abs=0.01)
    assert ((last.x[1:] - last.x[0]) ** 2).sum().item() == pytest.approx(variance, rel=0.02)
