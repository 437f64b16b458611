"""Autoguidance: a weak twin wired as background is arXiv 2406.02507, and costs what it needs."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from diffusers.guiders.auto_guidance import AutoGuidance

from graph.fusion.product import Product
from graph.interfaces import Estimate
from graph.levels import NoiseLevel
from graph.scores import Merge, Track
from tests.graph.exact import GaussianFlow
from tests.graph.formable import random
from tests.graph.pieces import SHAPE, Counted, controls, final, gaussian, track, voice
from tests.graph.test_forming import at

LEVEL = NoiseLevel.from_noise(0.5)


def twins(strong: Counted, weak: Counted, rule: Product | None = None) -> Track:
    """The strong twin at weight 2.5, measured against the weak one, which has faders of its own."""
    whole = track([], samples=(0, 1))
    voices = voice("strong", strong, guidance=2.5), voice("weak", weak, guidance=4.0)
    score = Merge("fuse", rule or Product(), voices[:1], voices[1])
    return replace(whole, score=score)


@pytest.mark.parametrize("kind", [torch.float64, torch.float32])
@pytest.mark.parametrize("weight", [1.0, 2.4, 7.5])
def test_the_product_over_a_weak_twin_is_diffusers_guider(weight: float, kind: torch.dtype) -> None:
    x, strong, null, weak = (random(seed).to(kind) for seed in range(4))
    found = Product()(x, LEVEL, [Estimate(strong, null)], [weight], [1.0], weak).denoised
    guider = AutoGuidance(guidance_scale=weight, auto_guidance_layers=[0], dropout=0.1)
    expected = guider.forward(strong, weak).pred
    assert torch.allclose(found, expected, rtol=0, atol=1e-12 if kind == torch.float64 else 1e-5)


def test_a_run_is_guided_by_how_the_twins_differ_whatever_the_faders_of_the_weak_one() -> None:
    x = random(5, (2, *SHAPE))
    strong, weak = GaussianFlow([1.0], [0.25]), GaussianFlow([0.8], [0.5])
    worse = weak.denoise(x, LEVEL)
    expected = worse + 2.5 * (strong.denoise(x, LEVEL) - worse)
    found, player = at(twins(gaussian(1.0), gaussian(0.8, 0.5)), x)
    assert torch.allclose(found, expected, rtol=0, atol=1e-12)
    assert player.heard == ("strong",)
    assert torch.allclose(player.fused.base, worse, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("reference", "asked"), [("mix", 1), ("own", 2)])
def test_a_step_asks_each_twin_once_and_no_null_that_nobody_looks_at(
    reference: str, asked: int
) -> None:
    strong, weak = gaussian(1.0), gaussian(0.8, 0.5)
    whole = twins(strong, weak, Product(reference=reference))
    final([whole], controls(whole.score.inputs))
    steps = len(whole.levels) - 1
    assert [states for _, states in strong.calls] == [2 * asked] * steps
    assert [states for _, states in weak.calls] == [2] * steps
