"""Mixtures of points that are blurred, so that densities, scores and samples are known exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from graph.fusion.mean import Mean
from graph.fusion.superdiff_or import SuperdiffOr
from graph.interfaces import Estimate, Sampler
from graph.levels import PURE_NOISE, NoiseLevel
from graph.samplers.ddim import Ddim
from graph.samplers.euler_maruyama import EulerMaruyama
from graph.schedules.karras import Karras
from tests.graph.pieces import controls, final, gaussian, track, voice

LEVEL = NoiseLevel.from_noise(0.4)
VARIANCE = 0.05
MODES = ((-3.0, 1.0), (-1.0, 3.0))


def denoise(x: Tensor, level: NoiseLevel, modes: Sequence[float]) -> Tensor:
    """E[x0 | x] of equal Gaussians of VARIANCE around the modes."""
    spread = level.alpha**2 * VARIANCE + level.sigma**2
    off = torch.stack([x - level.alpha * mode for mode in modes])
    clean = torch.stack([x * 0 + mode for mode in modes]) + level.alpha * VARIANCE / spread * off
    return ((-0.5 * off**2 / spread).softmax(0) * clean).sum(0)


def log_density(x: Tensor, level: NoiseLevel, modes: Sequence[float]) -> Tensor:
    """Of y = x/alpha."""
    spread = VARIANCE + level.ratio**2
    off = torch.stack([x / level.alpha - mode for mode in modes])
    logs = -0.5 * off**2 / spread - 0.5 * math.log(2 * math.pi * spread)
    return logs.logsumexp(0) - math.log(len(modes))


class Run:
    """A sampler on the rule, with what it remembers."""

    def __init__(
        self, steps: int, sampler: Sampler, rule: SuperdiffOr, weights: list[float], count: int
    ) -> None:
        self.rule, self.weights, self.memory = rule, weights, None
        self.first: list[Tensor] = []
        generator = torch.Generator().manual_seed(0)

        def draw() -> Tensor:
            return torch.randn(count, 1, dtype=torch.float64, generator=generator)

        *_, last = sampler(self.denoise, draw(), Karras().levels(steps), draw)
        self.x = last.x[:, 0]

    memory: Any

    def denoise(self, x: Tensor, level: NoiseLevel) -> Tensor:
        estimates = [Estimate(denoise(x, level, modes)) for modes in MODES]
        self.memory, weights = self.rule.follow(self.memory, x, level, estimates, self.weights)
        self.first = self.first or [log_density(x, level, modes) for modes in MODES]
        return self.rule(x, level, estimates, weights, [1.0, 1.0], None).denoised

    def shares(self) -> list[float]:
        """How many samples lie at each mode, in the order of MODES."""
        centres = [mode for modes in MODES for mode in modes]
        return [((self.x - c).abs() < 1).double().mean().item() for c in centres]

    def errors(self) -> list[float]:
        """Median error of what each log-density is said to have gained, in nats."""
        kept = self.memory
        return [
            (said - (log_density(kept.x, kept.level, modes) - first)).abs().median().item()
            for said, modes, first in zip(kept.densities, MODES, self.first, strict=True)
        ]


@pytest.mark.parametrize(("sampler", "slack"), [(EulerMaruyama(), 0.013), (Ddim(eta=1.0), 0.02)])
def test_draws_from_the_mixture_that_the_weights_ask_for(sampler: Sampler, slack: float) -> None:
    """D8: 0.3 of one expert and 0.7 of the other, each with two modes of its own."""
    run = Run(300, sampler, SuperdiffOr(), [0.3, 0.7], 20_000)
    assert run.shares() == pytest.approx([0.15, 0.15, 0.35, 0.35], abs=slack)
    assert sum(run.shares()[:2]) == pytest.approx(0.3, abs=slack)
    for centre in (-3.0, 1.0, -1.0, 3.0):
        heap = run.x[(run.x - centre).abs() < 1]
        assert heap.var().item() == pytest.approx(VARIANCE, rel=0.15)


def test_with_euler_and_maruyama_the_shares_hold_at_few_steps() -> None:
    run = Run(50, EulerMaruyama(), SuperdiffOr(), [0.3, 0.7], 20_000)
    assert sum(run.shares()[:2]) == pytest.approx(0.3, abs=0.02)


def test_the_mean_of_the_same_experts_draws_from_something_else() -> None:
    """Without densities to follow every sample hears both: most lie where both have something."""
    run = Run(100, EulerMaruyama(), SuperdiffOr(sharpness=0.0), [0.3, 0.7], 4_000)
    assert sum(run.shares()[:2]) < 0.2


def test_the_estimated_densities_converge_to_the_exact_ones() -> None:
    """D9: the error falls as one over the steps, 3.3, 1.1 and 0.34 nats for wide mixtures."""
    coarse, middle, fine = (
        Run(steps, EulerMaruyama(), SuperdiffOr(), [0.5, 0.5], 500).errors()
        for steps in (100, 300, 900)
    )
    for one, two, three in zip(coarse, middle, fine, strict=True):
        assert two < 0.5 * one
        assert three < 0.5 * two
    assert max(fine) < 0.6


def test_a_step_adds_what_the_formula_says_for_every_sample_by_itself() -> None:
    generator = torch.Generator().manual_seed(7)
    x, moved, *clean = torch.randn(4, 3, 2, 2, 3, dtype=torch.float64, generator=generator)
    here, there = LEVEL, NoiseLevel.from_noise(0.35)
    estimates = list(map(Estimate, clean))
    memory, weights = SuperdiffOr().follow(None, x, here, estimates, [2.0, 1.0])
    assert [w.flatten().tolist() for w in weights] == [[1.0] * 3, [0.5] * 3]
    memory, weights = SuperdiffOr(sharpness=0.1).follow(memory, moved, there, estimates, [2.0, 1.0])
    y, z = x / here.alpha, moved / there.alpha
    for sample in range(3):
        logs = []
        for weight, each in zip((2.0, 1.0), clean, strict=True):
            score = ((each - y) / here.ratio**2)[sample].flatten()
            gain = score @ (z - y)[sample].flatten()
            gain = gain - 0.5 * (here.ratio**2 - there.ratio**2) * (score @ score)
            logs.append(math.log(weight) + 0.1 * gain.item())
        expected = torch.tensor(logs).softmax(0).tolist()
        got = [weight[sample].item() for weight in weights]
        assert [each / sum(got) for each in got] == pytest.approx(expected, rel=1e-6)


def test_the_step_from_pure_noise_tells_nothing() -> None:
    x, moved, *clean = torch.randn(4, 3, 2, dtype=torch.float64)
    estimates = list(map(Estimate, clean))
    memory, _ = SuperdiffOr().follow(None, x, PURE_NOISE, estimates, [1.0, 3.0])
    memory, weights = SuperdiffOr().follow(memory, moved, LEVEL, estimates, [1.0, 3.0])
    assert weights[0].flatten().tolist() == pytest.approx([1 / 3] * 3, abs=1e-15)
    assert weights[1].flatten().tolist() == [1.0] * 3


def test_zero_stays_zero_and_far_behind_is_no_division_by_zero() -> None:
    """Where the leader has no weight, on a map, the next one paints, whatever it lags behind."""
    x = torch.zeros(1, 1, 2, dtype=torch.float64)
    near, far = Estimate(x + 0.1), Estimate(x + 100.0)
    split = torch.tensor([1.0, 0.0], dtype=torch.float64)
    memory, _ = SuperdiffOr().follow(None, x, LEVEL, [near, far], [split, 1.0])
    there = NoiseLevel.from_noise(0.3)
    _, weights = SuperdiffOr().follow(memory, x, there, [near, far], [split, 1.0])
    fused = SuperdiffOr()(x, there, [near, far], weights, [1.0, 1.0], None)
    assert torch.allclose(fused.denoised[0, 0], torch.tensor([0.1, 100.0]).double())
    _, silent = SuperdiffOr().follow(memory, x, there, [near, far], [0.0, 0.0])
    assert not any(weight.any() for weight in silent)


def test_is_the_mean_until_something_is_known_and_guidance_leads_away_from_the_background() -> None:
    x, first, second, null = torch.randn(4, 3, 2, dtype=torch.float64)
    estimates = [Estimate(first, null), Estimate(second, null)]
    asked = ([2.0, 1.0], [1.0, 1.0], None)
    plain = Mean()(x, LEVEL, estimates, *asked).denoised
    assert torch.allclose(SuperdiffOr()(x, LEVEL, estimates, *asked).denoised, plain, atol=1e-14)
    led = SuperdiffOr(guidance=4.0)(x, LEVEL, estimates, *asked)
    assert torch.allclose(led.denoised, null + 4.0 * (plain - null), rtol=0, atol=1e-13)
    assert torch.equal(led.base, null)


def test_the_loop_remembers_from_step_to_step_and_takes_sides() -> None:
    voices = [voice("a", gaussian(4.0)), voice("b", gaussian(-4.0))]
    whole = track(voices, rule=SuperdiffOr(), sampler=EulerMaruyama(), steps=60, samples=(0, 1, 2))
    (together,) = final([whole], controls(voices))
    sides = together.mean((1, 2, 3))
    assert torch.allclose(sides.abs(), torch.full_like(sides, 4.0), atol=0.5)
    (forgetful,) = final(
        [replace(whole, score=replace(whole.score, rule=Mean()))], controls(voices)
    )
    assert forgetful.mean((1, 2, 3)).abs().max() < 2.0
    for sample in range(3):
        (alone,) = final([replace(whole, samples=(sample,))], controls(voices))
        assert torch.allclose(alone[0], together[sample], rtol=0, atol=1e-9)


def test_when_one_expert_takes_the_place_of_another_what_was_remembered_is_forgotten() -> None:
    begun: list[tuple[bool, float]] = []

    class Noted(SuperdiffOr):
        def follow(
            self, memory: Any, x: Tensor, level: NoiseLevel, estimates: Any, weights: Any
        ) -> Any:
            begun.append((memory is None, level.noise))
            return super().follow(memory, x, level, estimates, weights)

    voices = [
        voice("a", gaussian(4.0)),
        voice("b", gaussian(-4.0), noise_range=(1.0, 0.5)),
        voice("c", gaussian(1.0), noise_range=(0.5, 0.0)),
    ]
    whole = track(voices, rule=Noted(), sampler=EulerMaruyama(), steps=40)
    final([whole], controls(voices))
    noises = [level.noise for level in whole.levels[:-1]]
    turn = next(noise for noise in noises if noise <= 0.5)
    assert begun == [(noise in (noises[0], turn), noise) for noise in noises]


def test_an_expert_that_joins_is_heard_from_then_on() -> None:
    voices = [
        voice("a", gaussian(4.0)),
        voice("b", gaussian(-4.0)),
        voice("c", gaussian(1.0), noise_range=(0.3, 0.0)),
    ]
    whole = track(voices, rule=SuperdiffOr(), sampler=EulerMaruyama(), steps=40)
    (state,) = final([whole], controls(voices))
    assert state.isfinite().all()
    assert 0 < len(voices[2].expert.calls) < len(voices[0].expert.calls) == 40
