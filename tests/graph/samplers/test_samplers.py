from __future__ import annotations

import itertools
import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import graph.samplers
from graph.interfaces import Sampler
from graph.levels import CLEAN, PURE_NOISE, NoiseLevel
from graph.registry import choices
from graph.samplers.ddim import Ddim
from tests.graph.exact import GaussianFlow, no_noise

SAMPLERS = [sampler() for sampler in choices(graph.samplers, Sampler).values()]
FLOWING = [each for each in SAMPLERS if not each.diffuses and not each.restarts]
DIFFUSING = [*(sampler for sampler in SAMPLERS if sampler.diffuses), Ddim(eta=1.0)]
TARGET = GaussianFlow([-1.0, 2.0, 0.3], [0.25, 1.0, 4.0])

each_sampler = pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda each: each.name)
each_flow = pytest.mark.parametrize("sampler", FLOWING, ids=lambda each: each.name)
each_diffusion = pytest.mark.parametrize("sampler", DIFFUSING, ids=lambda each: each.name)


def start(seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(8, 3, dtype=torch.float64, generator=generator)


def error(sampler: Sampler, steps: int) -> float:
    levels = [NoiseLevel.from_noise(0.95 - 0.9 * i / steps) for i in range(steps + 1)]
    *_, last = sampler(TARGET.denoise, start(), levels, no_noise)
    return (last.x - TARGET.carry(start(), levels[0], levels[-1])).abs().max().item()


def law(
    sampler: Sampler, levels: list[NoiseLevel], mean: torch.Tensor, variance: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Exact mean and variance of the samples of a sampler that starts at these, for the target.

    On a Gaussian every step is linear in the state and in each draw. One batch therefore tells all:
    row 0 starts at zero without noise, row 1 at one, and row 2 + i hears the i-th draw alone.
    """
    drawn = itertools.count(2)
    rows = len(levels) + 1

    def draw() -> torch.Tensor:
        noise = torch.zeros(rows, 3, dtype=torch.float64)
        noise[next(drawn)] = 1.0
        return noise

    x = torch.zeros(rows, 3, dtype=torch.float64)
    x[1] = 1.0
    *_, last = sampler(TARGET.denoise, x, levels, draw)
    response = last.x[1:] - last.x[0]
    scale = torch.cat([variance[None], torch.ones(rows - 2, 3, dtype=torch.float64)])
    return last.x[0] + response[0] * mean, (response**2 * scale).sum(0)


@each_diffusion
def test_the_law_of_the_samples_converges_at_its_order(sampler: Sampler) -> None:
    """The variance; the mean is exact, since the target is asked at its own mean."""
    errors: list[float] = []
    for steps in (256, 512, 1024):
        levels = [NoiseLevel.from_noise(0.9 - 0.8 * i / steps) for i in range(steps + 1)]
        first, last = levels[0], levels[-1]
        mean, variance = law(sampler, levels, first.alpha * TARGET.mean, TARGET.spread(first))
        assert torch.allclose(mean, last.alpha * TARGET.mean, rtol=0, atol=1e-12)
        errors.append((variance - TARGET.spread(last)).abs().max().item())
    measured = [math.log2(coarse / fine) for coarse, fine in pairwise(errors)]
    assert measured == pytest.approx([sampler.order] * 2, abs=0.15)


@each_diffusion
def test_diffuses_from_pure_noise_to_clean(sampler: Sampler) -> None:
    steps = 1000
    levels = [NoiseLevel.from_noise(1 - i / steps) for i in range(steps)] + [CLEAN]
    zero, one = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    mean, variance = law(sampler, levels, zero, one)
    assert torch.allclose(mean, TARGET.mean, rtol=0, atol=0.02)
    assert torch.allclose(variance, TARGET.variance, rtol=0.03)


@each_sampler
def test_says_whether_it_draws(sampler: Sampler) -> None:
    drawn = itertools.count()

    def draw() -> torch.Tensor:
        next(drawn)
        return torch.zeros(8, 3, dtype=torch.float64)

    levels = [NoiseLevel.from_noise(noise) for noise in (1.0, 0.6, 0.3, 0.0)]
    list(sampler(TARGET.denoise, start(), levels, draw))
    assert next(drawn) == (2 if sampler.diffuses or sampler.restarts else 0)


@pytest.mark.parametrize("sampler", [*SAMPLERS, Ddim(eta=0.4), Ddim(eta=1.0)], ids=str)
def test_a_step_adds_the_noise_that_it_says(sampler: Sampler) -> None:
    z = torch.full((8, 3), 0.7, dtype=torch.float64)
    for pair in pairwise(NoiseLevel.from_noise(noise) for noise in (1.0, 0.6, 0.3, 0.0)):
        (still,) = sampler(TARGET.denoise, start(), pair, lambda: 0.0 * z)
        (moved,) = sampler(TARGET.denoise, start(), pair, lambda: z)
        expected = pair[1].alpha * sampler.spread(*pair) * z
        assert torch.allclose(moved.x - still.x, expected, rtol=0, atol=1e-12)


@each_flow
def test_converges_to_the_exact_flow_at_its_order(sampler: Sampler) -> None:
    errors = [error(sampler, steps) for steps in (64, 128, 256)]
    measured = [math.log2(coarse / fine) for coarse, fine in pairwise(errors)]
    assert measured == pytest.approx([sampler.order] * 2, abs=0.15)


@each_flow
def test_walks_from_pure_noise_to_clean(sampler: Sampler) -> None:
    steps = 200
    levels = [NoiseLevel.from_noise(1 - i / steps) for i in range(steps)] + [CLEAN]
    *_, last = sampler(TARGET.denoise, start(), levels, no_noise)
    exact = TARGET.carry(start(), PURE_NOISE, CLEAN)
    assert (last.x - exact).abs().max() < (0.05 if sampler.order == 1 else 0.005)


@each_sampler
def test_yields_a_step_per_level_with_the_estimate_that_led_there(sampler: Sampler) -> None:
    levels = [NoiseLevel.from_noise(noise) for noise in (1.0, 0.6, 0.3, 0.0)]
    steps = list(sampler(TARGET.denoise, start(), levels, start))
    assert [step.level for step in steps] == levels[1:]
    state = start()
    for step, here in zip(steps, levels, strict=False):
        assert torch.equal(step.denoised, TARGET.denoise(state, here))
        state = step.x
    assert torch.equal(steps[-1].x, steps[-1].denoised)


@each_sampler
def test_asks_as_often_as_it_says(sampler: Sampler) -> None:
    asked: list[NoiseLevel] = []

    def denoise(x: torch.Tensor, level: NoiseLevel) -> torch.Tensor:
        asked.append(level)
        return TARGET.denoise(x, level)

    levels = [NoiseLevel.from_noise(1 - i / 5) for i in range(6)]
    walk = sampler(denoise, start(), levels, start)
    for number, _ in enumerate(walk, 1):
        if number < 5:
            assert len(asked) == number * sampler.calls_per_step


@each_flow
@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 99), noises=st.lists(st.floats(0.01, 1.0), min_size=2, unique=True))
def test_is_exact_for_a_single_point(sampler: Sampler, seed: int, noises: list[float]) -> None:
    """With all mass on one point the noise never changes, so every step of any method is exact."""
    point = GaussianFlow([0.5, -2.0, 3.0], [0.0, 0.0, 0.0])
    levels = [NoiseLevel.from_noise(noise) for noise in sorted(noises, reverse=True)]
    for step in sampler(point.denoise, start(seed), levels, no_noise):
        exact = point.carry(start(seed), levels[0], step.level)
        assert torch.allclose(step.x, exact, rtol=0, atol=1e-10)


@each_sampler
def test_keeps_the_type_of_the_state(sampler: Sampler) -> None:
    levels = [PURE_NOISE, NoiseLevel.from_noise(0.5), CLEAN]
    for step in sampler(TARGET.denoise, start().float(), levels, lambda: start().float()):
        assert step.x.dtype == torch.float32
