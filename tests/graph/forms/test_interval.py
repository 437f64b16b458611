"""Guidance in an interval: which steps are guided, as diffusers' start and stop."""

from __future__ import annotations

import pytest
import torch
from diffusers.guiders.classifier_free_guidance import ClassifierFreeGuidance

from graph.forms.interval import Interval
from graph.interfaces import Estimate
from graph.levels import NoiseLevel
from tests.graph.formable import asked, given, random

STEPS = 10


@pytest.mark.parametrize(("start", "stop"), [(0.2, 0.7), (0.0, 0.5), (0.5, 1.0), (0.3, 0.3)])
def test_it_guides_the_steps_that_diffusers_guides(start: float, stop: float) -> None:
    guider = ClassifierFreeGuidance(guidance_scale=5.0, start=start, stop=stop)
    form = Interval(from_noise=1.0 - start, to_noise=1.0 - stop)
    unlike = 0
    for step in range(STEPS):
        level = NoiseLevel.from_noise(1.0 - (step + 0.5) / STEPS)
        x, clean, null = random(step), random(step + 100), random(step + 200)
        guider.set_state(step, STEPS, torch.tensor(step))
        expected = guider.forward(clean, null).pred
        pair = asked(x, level, [Estimate(clean, null)], [5.0])
        found = given(form, x, level, pair).denoised
        assert torch.allclose(found, expected, rtol=0, atol=1e-12)
        unlike += not torch.allclose(found, clean, atol=1e-3)
    assert unlike == round((stop - start) * STEPS)


def test_it_begins_below_its_first_noise_and_ends_above_its_last() -> None:
    """Ranges that meet share no level."""
    x, answers = random(0), [Estimate(random(1), random(2))]
    first, last = NoiseLevel.from_noise(0.5), NoiseLevel.from_noise(0.25)
    form = Interval(from_noise=first.noise, to_noise=last.noise)
    before, within = NoiseLevel.from_noise(0.51), NoiseLevel.from_noise(0.26)
    for level, guides in ((before, False), (first, True), (within, True), (last, False)):
        guided, plain = pair = asked(x, level, answers, [4.0])
        assert given(form, x, level, pair) is (guided if guides else plain)
