"""Euler and Heun against the solvers that diffusers runs flow models with."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from diffusers import (
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FlowMatchHeunDiscreteScheduler,
)
from torch import Tensor

from graph.interfaces import Sampler
from graph.levels import NoiseLevel
from graph.samplers.euler import Euler
from graph.samplers.heun import Heun
from graph.schedules.flow import Flow
from tests.graph.exact import GaussianFlow, no_noise

TARGET = GaussianFlow([-1.0, 2.0], [0.25, 1.0])


def velocity(z: Tensor, time: float) -> Tensor:
    """E[noise − x0 | z] for z = (1 − t)·x0 + t·noise."""
    spread = (1 - time) ** 2 * TARGET.variance + time**2
    score = (z - (1 - time) * TARGET.mean) / spread
    return time * score - TARGET.mean - (1 - time) * TARGET.variance * score


@pytest.mark.parametrize("shift", [1.0, 3.0])
@pytest.mark.parametrize("steps", [4, 25])
@pytest.mark.parametrize(
    ("sampler", "scheduler"),
    [(Euler(), FlowMatchEulerDiscreteScheduler), (Heun(), FlowMatchHeunDiscreteScheduler)],
)
def test_equals_diffusers(
    sampler: Sampler, scheduler: Callable[..., object], steps: int, shift: float
) -> None:
    theirs = scheduler(shift=shift)
    theirs.set_timesteps(steps)
    x = torch.randn(4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    state = x
    for time in theirs.timesteps:
        state = theirs.step(velocity(state.double(), time.item() / 1000), time, state).prev_sample
    *_, last = sampler(TARGET.denoise, x, Flow(shift=shift).levels(steps), no_noise)
    assert torch.allclose(last.x, state.double(), rtol=0, atol=2e-5)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_euler_equals_the_exploding_euler_of_diffusers() -> None:
    theirs = EulerDiscreteScheduler(prediction_type="sample", timestep_spacing="linspace")
    theirs.set_timesteps(12)
    levels = [NoiseLevel.from_ratio(sigma.item()) for sigma in theirs.sigmas]
    x = torch.randn(4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    state = x / levels[0].alpha
    for time, here in zip(theirs.timesteps, levels, strict=False):
        theirs.scale_model_input(state, time)
        gain = TARGET.variance / (TARGET.variance + here.ratio**2)
        clean = TARGET.mean + gain * (state - TARGET.mean)
        state = theirs.step(clean, time, state).prev_sample.double()
    *_, last = Euler()(TARGET.denoise, x, levels, no_noise)
    assert torch.allclose(last.x, state, rtol=0, atol=1e-4)
