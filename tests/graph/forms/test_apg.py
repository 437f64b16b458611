"""Adaptive projected guidance: what is turned and shortened, and diffusers' over a whole run."""

from __future__ import annotations

import pytest
import torch
from diffusers.guiders.adaptive_projected_guidance import (
    AdaptiveProjectedGuidance,
    MomentumBuffer,
)

from graph.background import inner
from graph.forms.apg import Apg
from graph.interfaces import Estimate
from graph.levels import NoiseLevel
from tests.graph.formable import asked, given, random

LEVEL = NoiseLevel.from_noise(0.5)
SETTINGS = [
    {"eta": 1.0},
    {"eta": 0.0},
    {"eta": 0.4, "threshold": 3.0},
    {"eta": 0.0, "threshold": 4.0, "momentum": -0.5},
    {"eta": 0.2, "momentum": 0.6},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("weight", [7.5, 0.3])
@pytest.mark.parametrize("kind", [torch.float64, torch.float32])
def test_one_expert_is_diffusers_guider_step_after_step(
    settings: dict[str, float], weight: float, kind: torch.dtype
) -> None:
    """In the paper's form, which there is called the original: P + (w − 1)·turned(D − N)."""
    form = Apg(**settings)
    guider = AdaptiveProjectedGuidance(
        guidance_scale=weight - 1.0,
        adaptive_projected_guidance_rescale=form.threshold,
        eta=form.eta,
        use_original_formulation=True,
    )
    if form.momentum:
        guider.momentum_buffer = MomentumBuffer(form.momentum)
    memory = None
    for step in range(6):
        x, clean, null = (random(3 * step + i).to(kind) for i in range(3))
        expected = guider.forward(clean, null).pred
        pair = asked(x, LEVEL, [Estimate(clean, null)], [weight])
        memory = form.follow(memory, x, LEVEL, *pair)
        found = form(x, LEVEL, *pair, memory, 1.0).denoised
        close = 1e-11 if kind == torch.float64 else 1e-5
        assert torch.allclose(found, expected, rtol=0, atol=close)


def test_all_of_it_kept_is_guidance_as_it_was() -> None:
    x, answers = random(0), [Estimate(random(1), random(2)), Estimate(random(3), random(4))]
    pair = asked(x, LEVEL, answers, [5.0, -2.0])
    found = given(Apg(eta=1.0), x, LEVEL, pair)
    assert torch.allclose(found.terms, pair[0].terms, rtol=0, atol=1e-12)


def test_nothing_is_added_along_the_estimate() -> None:
    x, answers = random(0), [Estimate(random(1), random(2)), Estimate(random(3), random(4))]
    guided, plain = asked(x, LEVEL, answers, [5.0, 3.0])
    found = given(Apg(eta=0.0), x, LEVEL, (guided, plain)).denoised
    more, beside = found - plain.denoised, guided.denoised - found
    aim = plain.denoised
    assert torch.allclose(inner(more, aim), torch.zeros(()).double(), atol=1e-11)
    along = inner(beside, aim) / inner(aim, aim) * aim
    assert torch.allclose(beside, along, rtol=0, atol=1e-12)
    assert beside.norm() > 0.1


def test_a_direction_is_no_longer_than_the_threshold_and_a_short_one_stays() -> None:
    x = random(0)
    clean, null = random(1), random(2)
    norm = inner(clean - null, clean - null).sqrt()
    for threshold in (0.5, 100.0):
        pair = asked(x, LEVEL, [Estimate(clean, null)], [4.0])
        found = given(Apg(eta=1.0, threshold=threshold), x, LEVEL, pair).denoised
        length = (3.0 * (clean - null) * (threshold / norm).clamp_max(1.0)).flatten(1).norm(dim=1)
        assert torch.allclose((found - clean).flatten(1).norm(dim=1), length)


def test_what_is_remembered_is_of_as_many_experts() -> None:
    form, x = Apg(momentum=0.5), random(0)
    one = asked(x, LEVEL, [Estimate(random(1), random(2))], [4.0])
    two = asked(x, LEVEL, [Estimate(random(1), random(2))] * 2, [4.0, 4.0])
    memory = form.follow(form.follow(None, x, LEVEL, *one), x, LEVEL, *two)
    assert torch.equal(memory.terms, form.follow(None, x, LEVEL, *two).terms)
