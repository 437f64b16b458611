from __future__ import annotations

import math

import pytest
import torch

from graph.correctors.mala import Mala
from graph.levels import NoiseLevel
from graph.samplers.euler_maruyama import EulerMaruyama
from tests.graph.corrections import PAIR, TRUTH, Bell, Ensemble, drawn, standing, walk

LEVEL = NoiseLevel(math.sqrt(0.8), math.sqrt(0.2))
VARIANCE = 1.0 / 2.8
EXPERT = Bell(1.5, (VARIANCE - 0.2) / 0.8)


def settled(size: float, count: int = 40_000) -> tuple[torch.Tensor, float]:
    ensemble, draw = Ensemble([EXPERT], [1.0]), drawn((count, 1))
    seen, step = standing(draw(), LEVEL, ensemble)
    made = Mala(rounds=60, size=size)(None, seen, step, ensemble, draw)
    return made.x, made.readings["acceptance"]


@pytest.mark.parametrize(("size", "hasty"), [(0.4464, 0.9), (1.0, 0.75)])
def test_it_settles_at_the_density_where_langevin_alone_does_not(size: float, hasty: float) -> None:
    """At h·A = 0.25 unadjusted steps give 0.4082 (D4), at 0.56 they give 0.496."""
    x, acceptance = settled(size)
    assert x.var().item() == pytest.approx(VARIANCE, rel=0.04)
    assert x.mean().item() == pytest.approx(LEVEL.alpha * 1.5, abs=4 * 0.6 / 200)
    assert hasty < acceptance < 1.0


def test_it_reads_how_many_were_taken() -> None:
    ensemble, draw = Ensemble(PAIR, [1.0, 1.0]), drawn((2000, 1))
    seen, step = standing(draw(), LEVEL, ensemble)
    made = Mala(rounds=1, size=1.0)(None, seen, step, ensemble, draw)
    moved = (made.x != step.x).double().mean().item()
    assert 0.1 < moved < 0.95
    assert made.readings == {"acceptance": pytest.approx(moved)}


@pytest.mark.parametrize(("weights", "mean", "variance"), TRUTH)
def test_it_samples_the_density_that_weights_name(
    weights: tuple[float, float], mean: float, variance: float
) -> None:
    """D3, two rounds at each of 400 levels, where the plain sampler's law is elsewhere."""
    mala = Mala(rounds=2, size=1.0)
    x = walk(Ensemble(PAIR, weights), EulerMaruyama(), mala, 400, (20_000, 1))
    assert x.mean().item() == pytest.approx(mean, abs=0.02)
    assert x.var().item() == pytest.approx(variance, rel=0.04)


def test_an_expert_without_density_is_refused() -> None:
    class Mute:
        denoise = staticmethod(EXPERT.denoise)

        def log_density(self, x: torch.Tensor, level: NoiseLevel) -> None:
            return None

    ensemble = Ensemble([Mute()], [1.0])
    seen, step = standing(torch.zeros(2, 1, dtype=torch.float64), LEVEL, ensemble)
    with pytest.raises(TypeError, match="does not know its density"):
        Mala()(None, seen, step, ensemble, drawn((2, 1)))
