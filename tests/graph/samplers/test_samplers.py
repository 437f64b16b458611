from __future__ import annotations

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
from tests.graph.exact import GaussianFlow, no_noise

SAMPLERS = [sampler() for sampler in choices(graph.samplers, Sampler).values()]
TARGET = GaussianFlow([-1.0, 2.0, 0.3], [0.25, 1.0, 4.0])

each_sampler = pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda each: each.name)


def start(seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(8, 3, dtype=torch.float64, generator=generator)


def error(sampler: Sampler, steps: int) -> float:
    levels = [NoiseLevel.from_noise(0.95 - 0.9 * i / steps) for i in range(steps + 1)]
    *_, last = sampler(TARGET.denoise, start(), levels, no_noise)
    return (last.x - TARGET.carry(start(), levels[0], levels[-1])).abs().max().item()


@each_sampler
def test_converges_to_the_exact_flow_at_its_order(sampler: Sampler) -> None:
    errors = [error(sampler, steps) for steps in (64, 128, 256)]
    measured = [math.log2(coarse / fine) for coarse, fine in pairwise(errors)]
    assert measured == pytest.approx([sampler.order] * 2, abs=0.15)


@each_sampler
def test_walks_from_pure_noise_to_clean(sampler: Sampler) -> None:
    steps = 200
    levels = [NoiseLevel.from_noise(1 - i / steps) for i in range(steps)] + [CLEAN]
    *_, last = sampler(TARGET.denoise, start(), levels, no_noise)
    exact = TARGET.carry(start(), PURE_NOISE, CLEAN)
    assert (last.x - exact).abs().max() < (0.05 if sampler.order == 1 else 0.005)


@each_sampler
def test_yields_a_step_per_level_with_the_estimate_that_led_there(sampler: Sampler) -> None:
    levels = [NoiseLevel.from_noise(noise) for noise in (1.0, 0.6, 0.3, 0.0)]
    steps = list(sampler(TARGET.denoise, start(), levels, no_noise))
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
    walk = sampler(denoise, start(), levels, no_noise)
    for number, _ in enumerate(walk, 1):
        if number < 5:
            assert len(asked) == number * sampler.calls_per_step


@each_sampler
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
    for step in sampler(TARGET.denoise, start().float(), levels, no_noise):
        assert step.x.dtype == torch.float32
