from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EDMEulerScheduler,
    FlowMatchEulerDiscreteScheduler,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import graph.schedules
from graph.errors import ChoraleError
from graph.interfaces import NoiseSchedule
from graph.levels import CLEAN, PURE_NOISE
from graph.registry import choices
from graph.schedules.discrete import Discrete
from graph.schedules.flow import Flow
from graph.schedules.karras import Karras
from graph.schedules.log_snr import LogSnr

SCHEDULES = [schedule() for schedule in choices(graph.schedules, NoiseSchedule).values()]
CURVES = {
    "linear": (0.0001, 0.02),
    "scaled_linear": (0.00085, 0.012),
    "squaredcos_cap_v2": (0.0001, 0.02),
}
numpy_warns = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda each: each.name)
@settings(max_examples=50, deadline=None)
@given(steps=st.integers(1, 300))
def test_falls_to_clean_in_the_steps_asked_for(schedule: NoiseSchedule, steps: int) -> None:
    levels = schedule.levels(steps)
    assert len(levels) == steps + 1
    assert levels[-1] == CLEAN
    assert all(here.ratio > there.ratio for here, there in pairwise(levels))
    assert all(abs(level.alpha**2 + level.sigma**2 - 1) < 1e-12 for level in levels)


def test_karras_equals_edm() -> None:
    theirs = EDMEulerScheduler(sigma_min=0.002, sigma_max=80.0, rho=7.0)
    theirs.set_timesteps(18)
    ratios = [level.ratio for level in Karras().levels(18)]
    assert ratios == pytest.approx(theirs.sigmas.tolist(), rel=1e-5)


def test_log_snr_is_even_between_its_ends() -> None:
    levels = LogSnr(log_snr_min=-6, log_snr_max=8).levels(15)
    assert [level.log_snr for level in levels[:-1]] == pytest.approx(list(range(-6, 9)))


@numpy_warns
def test_log_snr_equals_the_lu_levels_of_diffusers() -> None:
    theirs = DPMSolverMultistepScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, use_lu_lambdas=True
    )
    theirs.set_timesteps(9)
    low, high = (-2 * math.log(theirs.sigmas[index].item()) for index in (0, -2))
    ratios = [level.ratio for level in LogSnr(log_snr_min=low, log_snr_max=high).levels(9)]
    assert ratios == pytest.approx(theirs.sigmas.tolist(), rel=1e-5)


@pytest.mark.parametrize("shift", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("steps", [1, 2, 28])
def test_flow_equals_diffusers(shift: float, steps: int) -> None:
    theirs = FlowMatchEulerDiscreteScheduler(shift=shift)
    theirs.set_timesteps(steps)
    levels = Flow(shift=shift).levels(steps)
    assert levels[0] == PURE_NOISE
    assert [level.flow_time for level in levels] == pytest.approx(
        theirs.sigmas.tolist(), rel=1e-5, abs=1e-7
    )


@pytest.mark.parametrize("mu", [0.0, 1.15])
@pytest.mark.parametrize("steps", [1, 2, 28])
def test_flow_of_an_even_ending_equals_what_flux_asks_of_diffusers(mu: float, steps: int) -> None:
    theirs = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    theirs.set_timesteps(sigmas=np.linspace(1.0, 1.0 / steps, steps), mu=mu)
    levels = Flow(shift=math.exp(mu), ending="even").levels(steps)
    assert levels[0] == PURE_NOISE
    assert [level.flow_time for level in levels] == pytest.approx(
        theirs.sigmas.tolist(), rel=1e-5, abs=1e-7
    )


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:diffusers")
@pytest.mark.parametrize("shift", [1.0, 3.0])
@pytest.mark.parametrize("steps", [1, 2, 28])
def test_flow_of_the_solvers_ending_equals_dpm_solver_of_diffusers(
    shift: float, steps: int
) -> None:
    theirs = DPMSolverMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=shift
    )
    theirs.set_timesteps(steps)
    levels = Flow(shift=shift, ending="solver").levels(steps)
    assert [level.flow_time for level in levels] == pytest.approx(
        theirs.sigmas.tolist(), rel=1e-5, abs=1e-7
    )


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("offset", [0, 1])
def test_discrete_equals_ddim_of_diffusers(curve: str, spacing: str, offset: int) -> None:
    low, high = CURVES[curve]
    theirs = DDIMScheduler(
        beta_schedule=curve,
        beta_start=low,
        beta_end=high,
        timestep_spacing=spacing,
        steps_offset=offset,
    )
    ours = Discrete(
        curve=curve, beta_start=low, beta_end=high, spacing=spacing, steps_offset=offset
    )
    for steps in (1, 3, 7, 16, 20, 37, 48, 50, 100, 250, 333):
        theirs.set_timesteps(steps)
        assert list(ours.times(steps)) == theirs.timesteps.tolist()
        squares = theirs.alphas_cumprod[theirs.timesteps]
        ratios = ((1 - squares) / squares).sqrt()
        levels = ours.levels(steps)
        assert [level.ratio for level in levels[:-1]] == pytest.approx(ratios.tolist(), rel=5e-3)
        assert [level.alpha for level in levels[:-1]] == pytest.approx(
            squares.sqrt().tolist(), rel=2e-4
        )


@pytest.mark.parametrize("curve", CURVES)
def test_discrete_of_zero_terminal_snr_equals_ddim_of_diffusers(curve: str) -> None:
    low, high = CURVES[curve]
    theirs = DDIMScheduler(
        beta_schedule=curve, beta_start=low, beta_end=high, rescale_betas_zero_snr=True
    )
    ours = Discrete(curve=curve, beta_start=low, beta_end=high, zero_snr=True)
    levels = ours.levels(1000)
    assert levels[0] == PURE_NOISE
    alphas = theirs.alphas_cumprod.sqrt().flip(0).tolist()
    assert [level.alpha for level in levels[:-1]] == pytest.approx(alphas, rel=2e-4, abs=1e-6)


@numpy_warns
@pytest.mark.parametrize("curve", ["linear", "scaled_linear"])
@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
def test_discrete_equals_the_multistep_solver_of_diffusers(curve: str, spacing: str) -> None:
    low, high = CURVES[curve]
    theirs = DPMSolverMultistepScheduler(
        beta_schedule=curve, beta_start=low, beta_end=high, timestep_spacing=spacing
    )
    ours = Discrete(curve=curve, beta_start=low, beta_end=high, spacing=spacing, skip_last=True)
    for steps in (1, 3, 7, 16, 20, 37, 48, 50, 100, 250):
        theirs.set_timesteps(steps)
        assert list(ours.times(steps)) == theirs.timesteps.tolist()
        ratios = [level.ratio for level in ours.levels(steps)]
        assert ratios == pytest.approx(theirs.sigmas.tolist(), rel=2e-3)


def test_discrete_levels_are_exact_products() -> None:
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    squares = torch.tensor(np.cumprod(1 - betas))
    ours = Discrete(spacing="trailing").levels(1000)[:-1]
    alphas = torch.tensor([level.alpha for level in reversed(ours)], dtype=torch.float64)
    assert torch.allclose(alphas, squares.sqrt(), rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("schedule", "steps"),
    [
        (Discrete(spacing="trailing"), 1001),
        (Discrete(spacing="linspace", skip_last=True), 1000),
        (Discrete(spacing="leading", steps_offset=1), 1000),
        (Discrete(trained_times=10, spacing="leading"), 11),
    ],
)
def test_discrete_refuses_more_steps_than_trained_times(schedule: Discrete, steps: int) -> None:
    with pytest.raises(ChoraleError, match=f"S001 .*{steps} steps on the .*Take fewer steps"):
        schedule.levels(steps)


def test_settings_out_of_bounds_are_refused() -> None:
    for wrong in ({"ratio_min": 2.0}, {"ratio_max": math.inf}, {"rho": 0.5}, {"roh": 7.0}):
        with pytest.raises(ValidationError):
            Karras.model_validate(wrong)
