from __future__ import annotations

import pytest
import torch
from diffusers import DPMSolverMultistepScheduler

from graph.levels import PURE_NOISE, NoiseLevel
from graph.samplers.dpmpp_2m import Dpmpp2M
from graph.samplers.euler import Euler
from tests.graph.exact import GaussianFlow, no_noise

TARGET = GaussianFlow([-1.0, 2.0], [0.25, 1.0])


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("final", ["zero", "sigma_min"])
@pytest.mark.parametrize("steps", [4, 14, 30])
@pytest.mark.parametrize("karras", [False, True])
def test_equals_diffusers(final: str, steps: int, karras: bool) -> None:
    theirs = DPMSolverMultistepScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        prediction_type="sample",
        use_karras_sigmas=karras,
        final_sigmas_type=final,
        lower_order_final=False,
    )
    theirs.set_timesteps(steps)
    levels = [NoiseLevel.from_ratio(sigma.item()) for sigma in theirs.sigmas]
    x = torch.randn(4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    state = x
    ours = Dpmpp2M()(TARGET.denoise, x, levels, no_noise)
    for time, here, step in zip(theirs.timesteps, levels, ours, strict=False):
        state = theirs.step(TARGET.denoise(state, here), time, state).prev_sample
        assert torch.allclose(step.x, state, rtol=0, atol=5e-5)


def test_first_steps_from_pure_noise_are_euler_then_history_counts() -> None:
    levels = [PURE_NOISE, *(NoiseLevel.from_noise(noise) for noise in (0.8, 0.6, 0.4))]
    x = torch.randn(4, 2, dtype=torch.float64)
    ours = [step.x for step in Dpmpp2M()(TARGET.denoise, x, levels, no_noise)]
    plain = [step.x for step in Euler()(TARGET.denoise, x, levels, no_noise)]
    assert torch.allclose(ours[0], plain[0], rtol=0, atol=1e-13)
    assert torch.allclose(ours[1], plain[1], rtol=0, atol=1e-13)
    assert (ours[2] - plain[2]).abs().max() > 1e-3


def test_a_new_call_forgets_the_history() -> None:
    levels = [NoiseLevel.from_noise(noise) for noise in (0.9, 0.7, 0.5, 0.3)]
    x = torch.randn(4, 2, dtype=torch.float64)
    first = list(Dpmpp2M()(TARGET.denoise, x, levels, no_noise))[1]
    (again,) = Dpmpp2M()(TARGET.denoise, first.x, levels[2:], no_noise)
    (plain,) = Euler()(TARGET.denoise, first.x, levels[2:], no_noise)
    assert torch.allclose(again.x, plain.x, rtol=0, atol=1e-13)
