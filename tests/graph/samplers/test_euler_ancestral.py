from __future__ import annotations

import itertools
import math

import pytest
import torch
from diffusers import EulerAncestralDiscreteScheduler
from diffusers.schedulers import scheduling_euler_ancestral_discrete

from graph.levels import PURE_NOISE, NoiseLevel
from graph.samplers.ddim import Ddim
from graph.samplers.euler import Euler
from graph.samplers.euler_ancestral import EulerAncestral
from graph.schedules.karras import Karras
from tests.graph.exact import GaussianFlow, no_noise

TARGET = GaussianFlow([-1.0, 2.0], [0.25, 1.0])


def start(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("eta", [0.3, 1.0])
def test_a_step_is_that_of_k_diffusion(eta: float) -> None:
    """`sample_euler_ancestral`, written out in the coordinates that it has there."""
    here, there = NoiseLevel.from_ratio(3.0), NoiseLevel.from_ratio(1.25)
    x, z = start(2, 5, 2)
    (step,) = EulerAncestral(eta=eta)(TARGET.denoise, x, [here, there], lambda: z)
    y = x / here.alpha
    up = min(1.25, eta * math.sqrt(1.25**2 * (3.0**2 - 1.25**2) / 3.0**2))
    down = math.sqrt(1.25**2 - up**2)
    slope = (y - TARGET.denoise(x, here)) / 3.0
    expected = y + slope * (down - 3.0) + z * up
    assert torch.allclose(step.x / there.alpha, expected, rtol=0, atol=1e-12)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("steps", [5, 20])
def test_equals_diffusers(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its scheduler with the same draws; it computes in float32."""
    fresh = start(steps, 4, 2)
    heard = iter(fresh.float())
    monkeypatch.setattr(
        scheduling_euler_ancestral_discrete, "randn_tensor", lambda *_, **__: next(heard)
    )
    theirs = EulerAncestralDiscreteScheduler(
        timestep_spacing="linspace", beta_schedule="scaled_linear"
    )
    theirs.set_timesteps(steps)
    levels = [NoiseLevel.from_ratio(sigma.item()) for sigma in theirs.sigmas]
    state = start(4, 2) / levels[0].alpha
    draws = iter(fresh)
    ours = EulerAncestral()(TARGET.denoise, start(4, 2), levels, lambda: next(draws))
    for time, here, step in zip(theirs.timesteps, levels, ours, strict=False):
        theirs.scale_model_input(state, time)
        noise = (state - TARGET.denoise(state * here.alpha, here)) / here.ratio
        state = theirs.step(noise, time, state).prev_sample.double()
        assert torch.allclose(step.x, state * step.level.alpha, rtol=0, atol=2e-5)


@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_is_ddim_with_as_much_fresh_noise(eta: float) -> None:
    levels = [PURE_NOISE, *Karras().levels(12)]
    fresh = start(len(levels), 4, 2)
    walks = [
        sampler(TARGET.denoise, start(4, 2), levels, iter(fresh).__next__)
        for sampler in (EulerAncestral(eta=eta), Ddim(eta=eta))
    ]
    for ours, theirs in zip(*walks, strict=True):
        assert torch.allclose(ours.x, theirs.x, rtol=0, atol=1e-12)


def test_without_fresh_noise_is_euler() -> None:
    levels = Karras().levels(12)
    ours = EulerAncestral(eta=0.0)(TARGET.denoise, start(4, 2), levels, no_noise)
    for step, euler in zip(
        ours, Euler()(TARGET.denoise, start(4, 2), levels, no_noise), strict=True
    ):
        assert torch.allclose(step.x, euler.x, rtol=0, atol=1e-13)


def test_draws_nothing_where_no_noise_is_left() -> None:
    drawn = itertools.count()

    def draw() -> torch.Tensor:
        next(drawn)
        return torch.zeros(1, 2, dtype=torch.float64)

    levels = [PURE_NOISE, NoiseLevel.from_noise(0.5), NoiseLevel(1.0, 0.0)]
    list(EulerAncestral()(TARGET.denoise, torch.ones(1, 2, dtype=torch.float64), levels, draw))
    assert next(drawn) == 1
