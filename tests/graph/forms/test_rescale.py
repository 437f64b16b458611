"""Rescaled guidance: the deviation of v, in closed form and as diffusers rescales."""

from __future__ import annotations

import pytest
import torch
from diffusers.guiders.classifier_free_guidance import ClassifierFreeGuidance
from torch import Tensor

from graph.forms.rescale import Rescale
from graph.interfaces import Estimate, Fused
from graph.levels import PURE_NOISE, NoiseLevel
from graph.parametrisation import Native, answer, denoised
from tests.graph.formable import asked, given, random

LEVELS = [PURE_NOISE, *(NoiseLevel.from_noise(noise) for noise in (0.9, 0.4, 0.02))]
each_level = pytest.mark.parametrize("level", LEVELS, ids=lambda each: f"{each.noise:.2f}")


def velocity(clean: Tensor, x: Tensor, level: NoiseLevel) -> Tensor:
    return answer("v", clean, x, Native(level.alpha, level.sigma, 0.0))


def deviation(values: Tensor) -> Tensor:
    return values.flatten(1).std(1)


@each_level
@pytest.mark.parametrize("amount", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("kind", [torch.float64, torch.float32])
def test_it_is_diffusers_rescaling_of_velocities(
    level: NoiseLevel, amount: float, kind: torch.dtype
) -> None:
    x, clean, null = (random(seed).to(kind) for seed in range(3))
    guided, plain = asked(x, level, [Estimate(clean, null)], [7.5])
    full = given(Rescale(), x, level, (guided, plain)).denoised
    found = guided.denoised + amount * (full - guided.denoised)
    guider = ClassifierFreeGuidance(guidance_scale=7.5, guidance_rescale=amount)
    native = Native(level.alpha, level.sigma, 0.0)
    theirs = guider.forward(velocity(clean, x, level), velocity(null, x, level)).pred
    expected = denoised("v", theirs, x, native)
    assert torch.allclose(found, expected, rtol=0, atol=1e-12 if kind == torch.float64 else 1e-5)
    assert amount == 0.0 or not torch.allclose(found, guided.denoised, atol=1e-3)


@each_level
def test_the_velocity_keeps_its_deviation_and_its_direction(level: NoiseLevel) -> None:
    x = random(1)
    answers = [Estimate(random(2), random(3)), Estimate(random(4), random(5))]
    guided, plain = asked(x, level, answers, [6.0, 3.0])
    formed = given(Rescale(), x, level, (guided, plain)).denoised
    found, before = velocity(formed, x, level), velocity(guided.denoised, x, level)
    assert torch.allclose(deviation(found), deviation(velocity(plain.denoised, x, level)))
    factor = (found / before).flatten(1)
    assert torch.allclose(factor, factor[:, :1].expand_as(factor))


def test_a_velocity_without_deviation_is_left() -> None:
    """There is nothing to scale up: experts that agree on alpha·x and a constant."""
    level = NoiseLevel.from_noise(0.5)
    x = random(1)
    flat = Fused(level.alpha * x + 1.0, torch.zeros(1, *x.shape, dtype=x.dtype))
    found = given(Rescale(), x, level, (flat, asked(x, level, [Estimate(x, x)], [2.0])[1]))
    assert torch.allclose(found.denoised, flat.denoised, rtol=0, atol=1e-6)
