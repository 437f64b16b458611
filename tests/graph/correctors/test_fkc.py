from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor

from graph.correctors.fkc import Fkc, systematic
from graph.correctors.none import Uncorrected
from graph.interfaces import Step
from graph.levels import CLEAN, NoiseLevel
from graph.samplers.euler_maruyama import EulerMaruyama
from tests.graph.corrections import PAIR, TRUTH, Bell, Ensemble, drawn, walk

HERE, THERE = NoiseLevel.from_ratio(1.5), NoiseLevel.from_ratio(1.0)


@pytest.mark.parametrize(
    ("truth", "share", "count"), [(TRUTH[0], 0.5, 10_000), *((t, 0.9, 40_000) for t in TRUTH[1:])]
)
def test_particles_sample_the_density_that_weights_name(
    truth: tuple[tuple[float, float], float, float], share: float, count: int
) -> None:
    """D3, 1,000 steps; weights that sum to two, or one below zero, give log W a heavy tail."""
    weights, mean, variance = truth
    fkc = Fkc(share=share)
    x = walk(Ensemble(PAIR, weights), EulerMaruyama(), fkc, 1000, (count, 1))
    assert x.mean().item() == pytest.approx(mean, abs=0.02)
    assert x.var().item() == pytest.approx(variance, rel=0.05)


def test_a_step_adds_what_the_equation_says() -> None:
    ensemble = Ensemble(PAIR, [2.0, 1.0])
    x = torch.randn(5, 1, dtype=torch.float64)
    made = Fkc(share=0.0)(None, ensemble(x, HERE), Step(x, THERE, x), ensemble, drawn((5, 1)))
    y = x / HERE.alpha
    scores = [(each.mean - y) / (each.variance + 1.5**2) for each in PAIR]
    fused = 2.0 * scores[0] + scores[1]
    gained = 0.5 * (1.5**2 - 1.0) * (fused**2 - 2.0 * scores[0] ** 2 - scores[1] ** 2)
    assert torch.allclose(made.memory, gained, rtol=0, atol=1e-12)
    again = Fkc(share=0.0)(
        made.memory, ensemble(x, HERE), Step(x, THERE, x), ensemble, drawn((5, 1))
    )
    assert torch.allclose(again.memory, 2 * gained, rtol=0, atol=1e-12)
    part = gained.softmax(0)
    assert made.readings["effective"] == pytest.approx(1 / (part**2).sum().item())
    assert made.x is x


def test_one_expert_alone_has_nothing_to_weigh() -> None:
    ensemble = Ensemble([Bell(0.5, 0.3)], [1.0])
    x = torch.randn(7, 1, dtype=torch.float64)
    made = Fkc()(None, ensemble(x, HERE), Step(x, THERE, x), ensemble, drawn((7, 1)))
    assert made.readings["effective"] == pytest.approx(7.0)
    end = Fkc()(made.memory, ensemble(x, HERE), Step(x, CLEAN, x), ensemble, drawn((7, 1)))
    assert torch.equal(end.x, x)


def test_particles_are_drawn_anew_below_the_share_and_at_the_end() -> None:
    ensemble = Ensemble([Bell(0.5, 0.3)], [1.0])
    x = torch.randn(64, 1, dtype=torch.float64)
    memory = torch.zeros(64, 1, dtype=torch.float64)
    memory[:16] = 30.0
    seen = ensemble(x, HERE)
    stays = Fkc(share=0.1)(memory, seen, Step(x, THERE, x), ensemble, drawn((64, 1)))
    assert stays.x is x
    for share, level in ((0.5, THERE), (0.0, CLEAN)):
        made = Fkc(share=share)(memory, seen, Step(x, level, x), ensemble, drawn((64, 1)))
        assert set(made.x.flatten().tolist()) <= set(x[:16].flatten().tolist())
        assert (made.memory == 0).all()


@pytest.mark.parametrize("chance", [0.0, 0.3, 0.999])
def test_systematic_copies_lie_within_one_of_what_is_asked(chance: float) -> None:
    weights = torch.rand(50, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    weights = weights / weights.sum()
    copies = systematic(weights, chance)
    assert copies.sum() == 50
    assert ((copies - 50 * weights).abs() < 1).all()


def test_systematic_copies_are_right_on_average_and_even_weights_move_nobody() -> None:
    weights = torch.tensor([0.05, 0.5, 0.15, 0.3], dtype=torch.float64)
    chances = [(i + 0.5) / 1000 for i in range(1000)]
    mean = torch.stack([systematic(weights, each) for each in chances]).double().mean(0)
    assert torch.allclose(mean, 4 * weights, rtol=0, atol=2e-3)
    even = torch.full((9,), 1 / 9, dtype=torch.float64)
    assert systematic(even, 0.4).tolist() == [1] * 9


class Heaps:
    """A mixture of round Gaussians in two dimensions, each (x, y, variance), of equal shares."""

    def __init__(self, *heaps: tuple[float, float, float]) -> None:
        told = torch.tensor(heaps, dtype=torch.float64)
        self.mean, self.variance = told[:, :2], told[:, 2]

    def logs(self, x: Tensor, level: NoiseLevel) -> tuple[Tensor, Tensor, Tensor]:
        """Of every heap: log density without 1/2π, variance of the state, how far x is off."""
        spread = level.alpha**2 * self.variance + level.sigma**2
        off = x[:, None] - level.alpha * self.mean
        return -0.5 * off.square().sum(2) / spread - spread.log(), spread, off

    def denoise(self, x: Tensor, level: NoiseLevel) -> Tensor:
        logs, spread, off = self.logs(x, level)
        gain = level.alpha * self.variance / spread
        return (logs.softmax(1)[..., None] * (self.mean + gain[:, None] * off)).sum(1)

    def log_density(self, x: Tensor, level: NoiseLevel) -> Tensor:
        return self.logs(x, level)[0].logsumexp(1, keepdim=True)


def test_fractional_weights_of_mixtures_are_sampled_where_the_plain_sampler_fails() -> None:
    """D13: total variation over squares of side 0.5, against quadrature."""
    one = Heaps((-1.5, 0.0, 0.3), (1.5, 0.0, 0.3), (0.0, 2.0, 0.15))
    other = Heaps((-1.5, 0.5, 0.6), (1.0, -1.0, 0.2))
    ensemble = Ensemble([one, other], [0.6, 0.4])
    count, cells, fine = 10_000, 16, 10
    axis = (torch.arange(cells * fine, dtype=torch.float64) + 0.5) / fine * 0.5 - 4.0
    points = torch.cartesian_prod(axis, axis)
    log = 0.6 * one.log_density(points, CLEAN) + 0.4 * other.log_density(points, CLEAN)
    truth = log.exp().reshape(cells, fine, cells, fine).sum((1, 3))
    truth = truth / truth.sum()

    def distance(x: Tensor) -> float:
        places = ((x + 4.0) / 0.5).floor().clamp(0, cells - 1).long()
        found = torch.zeros_like(truth)
        found.index_put_((places[:, 0], places[:, 1]), x.new_full((len(x),), 1 / len(x)), True)
        return 0.5 * (found - truth).abs().sum().item()

    exact = truth.flatten().multinomial(count, True, generator=torch.Generator().manual_seed(1))
    centres = torch.stack([exact // cells, exact % cells], 1) * 0.5 - 3.75
    floor = distance(centres.double())
    sample = partial(walk, ensemble, EulerMaruyama(), steps=200, shape=(count, 2))
    print(floor, distance(sample(corrector=Fkc())), distance(sample(corrector=Uncorrected())))
    assert distance(sample(corrector=Fkc())) <= floor + 0.03
    assert distance(sample(corrector=Uncorrected())) > floor + 0.06
