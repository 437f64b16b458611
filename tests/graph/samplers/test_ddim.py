from __future__ import annotations

import itertools

import pytest
import torch
from diffusers import DDIMScheduler

from graph.levels import CLEAN, PURE_NOISE, NoiseLevel
from graph.samplers.ddim import Ddim
from graph.samplers.euler import Euler
from graph.schedules.discrete import Discrete
from graph.schedules.karras import Karras
from tests.graph.exact import GaussianFlow, no_noise

TARGET = GaussianFlow([-1.0, 2.0], [0.25, 1.0])


@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("steps", [5, 20])
def test_equals_diffusers(eta: float, steps: int) -> None:
    x = torch.randn(4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    fresh = torch.randn(steps, 4, 2, dtype=torch.float64)
    theirs = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        prediction_type="sample",
        timestep_spacing="trailing",
    )
    theirs.set_timesteps(steps)
    levels = Discrete(spacing="trailing").levels(steps)
    draws = iter(fresh)
    state = x
    ours = Ddim(eta=eta)(TARGET.denoise, x, levels, lambda: next(draws))
    for index, (time, step) in enumerate(zip(theirs.timesteps, ours, strict=True)):
        square = theirs.alphas_cumprod[time].double()
        here = NoiseLevel(square.sqrt().item(), (1 - square).sqrt().item())
        state = theirs.step(
            TARGET.denoise(state, here), time, state, eta=eta, variance_noise=fresh[index]
        ).prev_sample
        assert torch.allclose(step.x, state, rtol=0, atol=2e-5)


def test_without_fresh_noise_is_euler() -> None:
    x = torch.randn(4, 2, dtype=torch.float64)
    levels = Karras().levels(12)
    ours = Ddim()(TARGET.denoise, x, levels, no_noise)
    for ddim, euler in zip(ours, Euler()(TARGET.denoise, x, levels, no_noise), strict=True):
        assert torch.allclose(ddim.x, euler.x, rtol=0, atol=1e-13)


def test_full_fresh_noise_keeps_the_marginals() -> None:
    """With eta = 1 and many steps the samples have the target's moments."""
    generator = torch.Generator().manual_seed(3)
    shape = (20_000, 2)

    def draw() -> torch.Tensor:
        return torch.randn(shape, dtype=torch.float64, generator=generator)

    levels = [NoiseLevel.from_noise(1 - i / 300) for i in range(300)] + [CLEAN]
    *_, last = Ddim(eta=1.0)(TARGET.denoise, draw(), levels, draw)
    error = 4 * (TARGET.variance / shape[0]).sqrt()
    assert ((last.x.mean(0) - TARGET.mean).abs() < error).all()
    assert torch.allclose(last.x.var(0), TARGET.variance, rtol=0.05)


def test_draws_nothing_where_no_noise_is_left() -> None:
    drawn = itertools.count()

    def draw() -> torch.Tensor:
        next(drawn)
        return torch.zeros(1, 2, dtype=torch.float64)

    levels = [PURE_NOISE, NoiseLevel.from_noise(0.5), CLEAN]
    list(Ddim(eta=1.0)(TARGET.denoise, torch.ones(1, 2, dtype=torch.float64), levels, draw))
    assert next(drawn) == 1
