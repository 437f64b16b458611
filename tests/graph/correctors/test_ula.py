from __future__ import annotations

import math

import pytest
import torch

from graph.correctors.ula import Ula
from graph.levels import NoiseLevel
from tests.graph.corrections import Bell, Ensemble, drawn, standing

LEVEL = NoiseLevel(math.sqrt(0.8), math.sqrt(0.2))
VARIANCE = 1.0 / 2.8
EXPERT = Bell(1.5, (VARIANCE - 0.2) / 0.8)
SIZE = 0.25 * VARIANCE / 0.2
"""h·A = 0.25 for the state's precision A = 2.8, with h = size·sigma²."""


def test_a_round_is_the_one_of_the_textbook() -> None:
    ensemble = Ensemble([EXPERT], [1.0])
    x, z = torch.randn(2, 6, 1, dtype=torch.float64)
    seen, step = standing(x, LEVEL, ensemble)
    made = Ula(rounds=1, size=0.3)(None, seen, step, ensemble, lambda: z)
    h = 0.3 * LEVEL.sigma**2
    score = (LEVEL.alpha * EXPERT.mean - x) / VARIANCE
    assert torch.allclose(made.x, x + h * score + math.sqrt(2 * h) * z, rtol=0, atol=1e-12)


def test_it_settles_at_its_own_variance() -> None:
    """D4: (1/A)/(1 − h·A/2), 0.4082 here, and not the 0.3571 of the density."""
    ensemble, draw = Ensemble([EXPERT], [1.0]), drawn((40_000, 1))
    seen, step = standing(draw(), LEVEL, ensemble)
    made = Ula(rounds=60, size=SIZE)(None, seen, step, ensemble, draw)
    assert made.x.var().item() == pytest.approx(0.4082, rel=0.04)
    assert made.x.var().item() != pytest.approx(VARIANCE, rel=0.04)
    assert made.x.mean().item() == pytest.approx(LEVEL.alpha * 1.5, abs=4 * 0.64 / 200)
