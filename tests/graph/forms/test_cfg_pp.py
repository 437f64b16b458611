"""CFG++: the algorithm of the paper, written out, against what a run of the engine paints."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor

import graph.samplers
from graph.forming import gain
from graph.forms.cfg_pp import CfgPp
from graph.interfaces import Sampler
from graph.levels import CLEAN, PURE_NOISE, NoiseLevel
from graph.player import Player
from graph.registry import choices
from graph.samplers.ddim import Ddim, fresh_noise
from graph.samplers.euler import Euler
from graph.samplers.euler_maruyama import EulerMaruyama
from graph.schedules.log_snr import LogSnr
from graph.scores import Track
from tests.graph.exact import GaussianFlow
from tests.graph.formable import around, random, shaped
from tests.graph.pieces import controls, final, gaussian, track, voice

LAMBDA = 0.6
SAMPLERS = [
    sampler
    for sampler in (*(each() for each in choices(graph.samplers, Sampler).values()), Ddim(eta=0.5))
    if sampler.renoised(PURE_NOISE, CLEAN) is not None
]
CLEAR, NULL = GaussianFlow([1.0], [0.25]), GaussianFlow([0.0], [1.0])


def run(sampler: Sampler, levels: tuple[NoiseLevel, ...] | None = None) -> tuple[Track, Tensor]:
    one = voice("a", gaussian(1.0), guidance=LAMBDA)
    whole = around(track([one], sampler=sampler, steps=9, samples=(0, 1)), shaped("f", CfgPp()))
    if levels is not None:
        whole = replace(whole, levels=levels)
    return whole, final([whole], controls([one, whole.score.forms[0]]))[0]


def interpolated(x: Tensor, here: NoiseLevel) -> tuple[Tensor, Tensor]:
    """What the paper has in a step: the interpolated estimate, and the noise of the null."""
    null = NULL.denoise(x, here)
    estimate = null + LAMBDA * (CLEAR.denoise(x, here) - null)
    return estimate, (x - here.alpha * null) / here.sigma


@pytest.mark.parametrize("sampler", [Euler(), Ddim(), Ddim(eta=0.5), Ddim(eta=1.0)], ids=str)
@pytest.mark.parametrize("levels", [None, LogSnr().levels(7), (PURE_NOISE, *LogSnr().levels(7))])
def test_a_run_is_the_algorithm_of_the_paper(
    sampler: Sampler, levels: tuple[NoiseLevel, ...] | None
) -> None:
    whole, found = run(sampler, levels)
    player = Player(whole)
    x, draw = player.x, player._fresh
    for here, there in pairwise(whole.levels):
        estimate, noise = interpolated(x, here)
        fresh = getattr(sampler, "eta", 0.0) * fresh_noise(here, there)
        x = there.alpha * estimate + math.sqrt(max(there.sigma**2 - fresh**2, 0.0)) * noise
        if fresh > 0.0:
            x = x + fresh * draw()
    assert torch.allclose(found, x, rtol=0, atol=1e-9)
    guided, _ = run(sampler, levels)
    without = final([around(guided)], controls(list(guided.score.inputs)))[0]
    assert (without - found).abs().max() > 0.01


def test_the_reverse_diffusion_keeps_the_noise_of_the_null() -> None:
    whole, found = run(EulerMaruyama())
    player = Player(whole)
    x, draw = player.x, player._fresh
    for here, there in pairwise(whole.levels):
        estimate, noise = interpolated(x, here)
        if there is CLEAN or there.sigma == 0.0:
            x = estimate
            continue
        kept = (there.ratio / here.ratio) ** 2
        spread = math.sqrt(here.ratio**2 - there.ratio**2)
        x = there.alpha * (estimate + kept * here.ratio * noise + spread * draw())
    assert torch.allclose(found, x, rtol=0, atol=1e-9)


@pytest.mark.parametrize("method", SAMPLERS, ids=str)
def test_a_sampler_says_of_its_step_what_it_does(method: Sampler) -> None:
    """x' = alpha'·D + c·(x − alpha·D)/sigma for two estimates that it is shown, noise apart."""
    x = random(1)
    for here, there in pairwise((PURE_NOISE, *LogSnr().levels(5))):
        factor = method.renoised(here, there)
        assert factor is not None
        one, other = random(2), random(3)
        ends = [
            next(method(lambda *_, shown=shown: shown, x, (here, there), lambda: random(4))).x
            for shown in (one, other)
        ]
        slope = there.alpha - factor * here.alpha / here.sigma
        assert torch.allclose(ends[1] - ends[0], slope * (other - one), rtol=0, atol=1e-12)


def test_the_gain_is_that_of_the_coming_step() -> None:
    levels = tuple(NoiseLevel.from_ratio(ratio) for ratio in (math.inf, 4.0, 1.0, 0.0))
    gains = [gain(Ddim(), levels, level) for level in levels]
    assert gains == pytest.approx([1.0, 4.0 / 3.0, 1.0, 1.0])
