"""Gaussians and mixtures of them: how much likelier a sample is to one than to another is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from graph.experts.mixture import Mixture
from graph.fusion.mean import Mean
from graph.fusion.superdiff_and import SuperdiffAnd
from graph.interfaces import Coming, Estimate, Sampler
from graph.levels import PURE_NOISE, NoiseLevel
from graph.randomness import Foreseen
from graph.samplers.ddim import Ddim
from graph.samplers.euler_maruyama import EulerMaruyama
from graph.schedules.karras import Karras
from tests.graph.pieces import controls, final, gaussian, track, voice

HERE, THERE = NoiseLevel.from_noise(0.4), NoiseLevel.from_noise(0.3)
FELL = HERE.ratio**2 - THERE.ratio**2
PAIR = (Mixture((2,), ((-1, 0),), (0.25,), (1,)), Mixture((2,), ((1, 0.5),), (0.25,), (1,)))
THREE = (*PAIR, Mixture((2,), ((0, 2),), (0.25,), (1,)))
CROSSED = (
    Mixture((2,), ((-2, 0), (2, 0)), (1, 1), (0.5, 0.5)),
    Mixture((2,), ((0, -2), (0, 2)), (1, 1), (0.5, 0.5)),
)
UNLIKE = (Mixture((2,), ((-1, 0),), (0.25,), (1,)), Mixture((2,), ((2, 0.5),), (1,), (1,)))


def drawn(count: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(7)
    return list(torch.randn(count, 3, 4, dtype=torch.float64, generator=generator))


def kappas(
    denoised: Sequence[Tensor], noise: Tensor, weights: Sequence[Tensor | float] | None = None
) -> list[Tensor]:
    estimates = [Estimate(each) for each in denoised]
    asked = [1.0] * len(denoised) if weights is None else weights
    coming = Coming(THERE, lambda: noise)
    return [
        torch.as_tensor(each) for each in SuperdiffAnd().foresee(HERE, estimates, asked, coming)
    ]


class Run:
    """A sampler on the rule, with the exact and the estimated gains of every log-density."""

    def __init__(self, experts: Sequence[Mixture], steps: int, sampler: Sampler) -> None:
        self.experts, self.sampler = experts, sampler
        generator = torch.Generator().manual_seed(0)
        self.draw = Foreseen(lambda: torch.randn(500, 2, dtype=torch.float64, generator=generator))
        levels = Karras().levels(steps)
        self.follows = dict(pairwise(levels))
        self.gained = torch.zeros(len(experts), 500, dtype=torch.float64)
        x = levels[0].sigma * self.draw()
        self.first = self.log_densities(x / levels[0].alpha, levels[0].ratio)
        *_, last = sampler(self.denoise, x, levels, self.draw)
        self.last = self.log_densities(last.x, 0.0)

    def denoise(self, x: Tensor, level: NoiseLevel) -> Tensor:
        there = self.follows[level]
        spread = self.sampler.spread(level, there)
        noise = spread * self.draw.ahead() if spread else torch.zeros_like(x)
        clean = [each.denoise(x, level, [each.encode(None)] * len(x)) for each in self.experts]
        estimates, rule, even = list(map(Estimate, clean)), SuperdiffAnd(), [1.0] * len(clean)
        weights = rule.foresee(level, estimates, even, Coming(there, lambda: noise))
        fused = rule(x, level, estimates, weights, even, None).denoised
        y, fell = x / level.alpha, level.ratio**2 - there.ratio**2
        scores = torch.stack([each - y for each in clean]) / level.ratio**2
        moved = fell * (fused - y) / level.ratio**2 + noise
        self.gained += (scores * moved).sum(2) - 0.5 * fell * (scores**2).sum(2)
        return fused

    def log_densities(self, y: Tensor, ratio: float) -> Tensor:
        rows: list[Tensor] = []
        for each in self.experts:
            means = y.new_tensor(each.means).unsqueeze(1)
            spread = y.new_tensor(each.variances).reshape(-1, 1) + ratio**2
            logs = -0.5 * ((y - means) ** 2).sum(2) / spread - spread.log()
            rows.append((logs + y.new_tensor(each.shares).log().reshape(-1, 1)).logsumexp(0))
        return torch.stack(rows)

    def estimated(self) -> float:
        """The greatest gap between the gains that are estimated, in nats."""
        return (self.gained - self.gained[0]).abs().max().item()

    def true(self) -> Tensor:
        """How much more the first became likelier than the others, exactly."""
        gained = self.last - self.first
        return (gained[0] - gained[1:]).flatten()


def test_two_experts_are_weighed_by_the_formula() -> None:
    """κ₁ = ½ − ⟨Δ, z⟩/(√(r² − r'²)·‖Δ‖²) with Δ = s₁ − s₂."""
    one, two, z = drawn(3)
    first, second = kappas([one, two], math.sqrt(FELL) * z)
    apart = (one - two) / HERE.ratio**2
    expected = 0.5 - (apart * z).sum(1) / (math.sqrt(FELL) * (apart**2).sum(1))
    assert torch.allclose(first[:, 0], expected, rtol=0, atol=1e-11)
    assert torch.allclose(first + second, torch.ones_like(first), rtol=0, atol=1e-12)


@pytest.mark.parametrize("sampler", [EulerMaruyama(), Ddim(eta=1.0)], ids=str)
@pytest.mark.parametrize("experts", [PAIR, THREE, CROSSED], ids=["pair", "three", "crossed"])
def test_no_density_gains_on_another(experts: Sequence[Mixture], sampler: Sampler) -> None:
    """D10: nothing by the estimate; in truth little, where curvatures agree."""
    run = Run(experts, 300, sampler)
    assert run.estimated() < (1e-9 if experts is CROSSED else 1e-10)
    assert run.true().abs().median().item() < 0.06
    if experts is not CROSSED:
        assert run.true().abs().max().item() < 1e-9


def test_a_narrower_expert_gains_what_the_estimate_does_not_see() -> None:
    """Noise along Δ is taken out, and half its curvature with it: ½·log(v₂/v₁) nats, ever."""
    run = Run(UNLIKE, 1000, EulerMaruyama())
    assert run.estimated() < 1e-9
    assert run.true().abs().median().item() == pytest.approx(0.5 * math.log(4.0), abs=0.05)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_experts_that_agree_or_depend_on_one_another_leave_kappa_small(kind: torch.dtype) -> None:
    one, two, z = (each.to(kind) for each in drawn(3))
    assert all((each == 0.5).all() for each in kappas([one, one], z))
    rounding = torch.finfo(kind).eps
    near = kappas([one, one + rounding * one.abs()], z)
    assert all(each.abs().max() * rounding < 0.01 for each in near)
    weights = kappas([one, two, one], z)
    apart, beside = kappas([one, two], z)
    assert torch.allclose(weights[1], beside, rtol=1e-3)
    assert torch.allclose(weights[0] + weights[2], apart, rtol=1e-3)
    assert torch.allclose(weights[0], weights[2], rtol=1e-3)


def test_a_weight_says_who_takes_part_in_a_sample() -> None:
    one, two, three, z = drawn(4)
    here = torch.tensor([[1.0], [0.0], [0.3]], dtype=torch.float64)
    weights = kappas([one, two, three], z, [2.0, here, 0.5])
    assert torch.allclose(weights[0][1], kappas([one, three], z)[0][1], rtol=1e-12)
    assert torch.allclose(weights[0][2], kappas([one, two, three], z)[0][2], rtol=1e-12)
    assert weights[1][1] == 0.0
    assert weights[2][1] == pytest.approx(1.0 - weights[0][1].item(), abs=1e-12)
    assert not kappas([one, two], z, [1.0, -1.0])[1].any()
    assert not any(each.any() for each in kappas([one, two], z, [0.0, 0.0]))
    assert (kappas([one], z)[0] == 1.0).all()


def test_kappa_knows_no_order_and_no_batch() -> None:
    one, two, three, z = drawn(4)
    weights = kappas([one, two, three], z)
    turned = kappas([three, one, two], z)
    for here, there in ((0, 1), (1, 2), (2, 0)):
        assert torch.allclose(weights[here], turned[there], rtol=1e-9)
    alone = kappas([one[1:2], two[1:2], three[1:2]], z[1:2])
    assert torch.allclose(alone[0], weights[0][1:2], rtol=1e-12)


def test_at_pure_noise_nothing_is_known() -> None:
    one, two = drawn(2)

    def unasked() -> Tensor:
        raise AssertionError("the draw was looked at")

    estimates = [Estimate(one), Estimate(two)]
    weights = SuperdiffAnd().foresee(PURE_NOISE, estimates, [1.0, 3.0], Coming(HERE, unasked))
    assert all((torch.as_tensor(each) == 0.5).all() for each in weights)


def test_the_loop_shows_the_draw_that_the_sampler_takes() -> None:
    """Between N(m, v) and N(−m, v) the way is a plane: along Δ every picture ends at zero."""
    voices = [voice("a", gaussian(1.0)), voice("b", gaussian(-1.0))]
    for sampler in (EulerMaruyama(), Ddim(eta=1.0)):
        whole = track(voices, rule=SuperdiffAnd(), sampler=sampler, steps=40, samples=(0, 1, 2))
        (state,) = final([whole], controls(voices))
        assert state.mean((1, 2, 3)).abs().max() < 0.01
        assert state.var() > 0.1
        for sample in range(3):
            alone = track(voices, rule=SuperdiffAnd(), sampler=sampler, steps=40, samples=(sample,))
            assert torch.allclose(final([alone], controls(voices))[0][0], state[sample], atol=1e-9)
    plain = track(voices, rule=Mean(), sampler=EulerMaruyama(), steps=40, samples=(0, 1, 2))
    (state,) = final([plain], controls(voices))
    assert state.mean((1, 2, 3)).abs().max() > 0.05


def test_a_draw_that_was_looked_at_is_the_next_one_and_taken_once() -> None:
    numbers = iter(range(9))
    draw = Foreseen(lambda: torch.tensor(next(numbers)))
    assert [draw.ahead(), draw.ahead(), draw(), draw(), draw.ahead(), draw()] == [0, 0, 0, 1, 2, 2]
