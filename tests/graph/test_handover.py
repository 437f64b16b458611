"""Experts that take turns, over noise or over the canvas: faders say so, no rule of its own does.

With a background B that all share and factors cᵢ that sum to one, the product B + Σ cᵢ·gᵢ·(Dᵢ − B)
is Σ cᵢ·(B + gᵢ·(Dᵢ − B)): every expert's own guided estimate, handed over from one to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from graph.controls import Controls
from graph.fusion.mean import Mean
from graph.fusion.product import Product
from graph.interfaces import Estimate, FusionRule
from graph.levels import NoiseLevel
from graph.plan import Control
from graph.randomness import Draws
from graph.samplers.euler import Euler
from graph.scores import Voice
from tests.graph.exact import no_noise
from tests.graph.pieces import LIKE, SHAPE, final, gaussian, reliability, switch, track, voice

LEVELS = tuple(NoiseLevel.from_noise(1 - i / 8) for i in range(9))
GUIDANCE = (3.0, 2.0)
MEANS = (1.0, -1.0)
UP, DOWN = ((0.7, 1.0), (0.3, 0.0)), ((0.7, 0.0), (0.3, 1.0))


def pair(**each: Sequence[object]) -> list[Voice]:
    """Two guided experts with the same null; settings by expert."""
    return [
        voice(
            name,
            gaussian(MEANS[i], 0.25 + i),
            guidance=GUIDANCE[i],
            **{setting: values[i] for setting, values in each.items()},
        )
        for i, name in enumerate("ab")
    ]


def played(voices: Sequence[Voice], more: Sequence[Control] = ()) -> Tensor:
    own = [
        control
        for each in voices
        for control in (
            reliability(each.node),
            switch(each.node, "muted"),
            switch(each.node, "solo"),
        )
    ]
    (state,) = final([replace(track(voices), levels=LEVELS)], Controls([*own, *more]))
    return state


def expected(voices: Sequence[Voice], shares: Callable[[float], tuple[float, float]]) -> Tensor:
    """Euler along Σ cᵢ(noise)·(Nᵢ + gᵢ·(Dᵢ − Nᵢ)), from the noise that the loop starts with."""

    def denoise(x: Tensor, level: NoiseLevel) -> Tensor:
        total = torch.zeros_like(x)
        for share, each, guidance in zip(shares(level.noise), voices, GUIDANCE, strict=True):
            clean, null = (
                each.expert.denoise(x, level, asked.spread(len(x)))
                for asked in (each.condition, each.null)
            )
            total = total + share * (null + guidance * (clean - null))
        return total

    whole = track(voices)
    start = Draws(whole.seed, whole.number, whole.samples, "noise", SHAPE, LIKE)()
    *_, last = Euler()(denoise, start * LEVELS[0].sigma, LEVELS, no_noise)
    return last.x


@pytest.mark.parametrize("turn", [0.25, 0.4, 0.5])
def test_ranges_that_meet_hand_over_at_once_and_leave_no_level_to_both(turn: float) -> None:
    """At the very level where they meet, one expert alone is asked."""
    voices = pair(noise_range=((1.0, turn), (turn, 0.0)))
    state = played(voices)
    asked = [[level for level, _ in each.expert.calls] for each in voices]
    assert [level for each in asked for level in each] == list(LEVELS[:-1])
    assert all(asked)
    first = len(asked[0])
    theirs = expected(pair(), lambda noise: (1, 0) if noise > LEVELS[first].noise else (0, 1))
    assert torch.allclose(state, theirs, rtol=0, atol=1e-12)


def test_curves_that_sum_to_one_hand_over_softly() -> None:
    curves = [Control(f"curve{i}", "curve", points) for i, points in enumerate((UP, DOWN))]
    state = played(pair(factors=[(curve,) for curve in curves]), curves)

    def shares(noise: float) -> tuple[float, float]:
        early = min(max((noise - 0.3) / 0.4, 0.0), 1.0)
        return early, 1.0 - early

    heard = [shares(level.noise)[0] for level in LEVELS[:-1]]
    assert {0.0, 1.0} < set(heard)
    assert all(above >= below for above, below in pairwise(heard))
    assert torch.allclose(state, expected(pair(), shares), rtol=0, atol=1e-12)


def blended(rule: FusionRule, guided: bool) -> tuple[Tensor, Tensor]:
    """A step along the fused estimate, and MultiDiffusion's mean of every region's own step.

    x' = Σ Wⱼ·Φⱼ(x)/Σ Wⱼ (arXiv 2302.08113, equation 5), with regions as large as the canvas.
    """
    generator = torch.Generator().manual_seed(5)
    x, null, *clean = torch.randn(5, 2, *SHAPE, dtype=torch.float64, generator=generator)
    maps = list(torch.rand(3, 1, 1, *SHAPE[1:], dtype=torch.float64, generator=generator))
    if guided:
        maps = [each / sum(maps) for each in maps]
    scales = (3.0, 1.0, 5.0) if guided else (1.0, 1.0, 1.0)
    here, there = LEVELS[3:5]

    def step(denoised: Tensor) -> Tensor:
        (done,) = Euler()(lambda *_: denoised, x, [here, there], no_noise)
        return done.x

    weights = [scale * each for scale, each in zip(scales, maps, strict=True)]
    estimates = [Estimate(each, null) for each in clean]
    fused = rule(x, here, estimates, weights, [1.0] * 3, None)
    own = [step(null + g * (each - null)) for g, each in zip(scales, clean, strict=True)]
    theirs = sum(w * each for w, each in zip(maps, own, strict=True)) / sum(maps)
    return step(fused.denoised), theirs


def test_the_mean_with_maps_is_multidiffusion() -> None:
    ours, theirs = blended(Mean(), guided=False)
    assert torch.allclose(ours, theirs, rtol=0, atol=1e-12)


def test_the_product_with_maps_that_sum_to_one_is_multidiffusion_with_guidance() -> None:
    ours, theirs = blended(Product(), guided=True)
    assert torch.allclose(ours, theirs, rtol=0, atol=1e-12)
    plain, _ = blended(Mean(), guided=True)
    assert not torch.allclose(plain, theirs, rtol=0, atol=0.01)
