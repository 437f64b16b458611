"""Networks of different parametrisations, mixed, against the same networks all exploding (D12).

Every network is written from the Gaussian it knows, in its own coordinates, and reads its own time.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import graph.fusion
import graph.samplers
from graph.interfaces import Estimate, FusionRule, Sampler
from graph.levels import NoiseLevel
from graph.parametrisation import CosineTimes, ExplodingTimes, FlowTimes, Parametrisation
from graph.registry import choices
from graph.schedules.karras import Karras

Network = Callable[[Tensor, float], Tensor]
MEANS = ((-1.0, 0.5), (2.0, -0.5), (0.3, 1.5))
VARIANCES = (0.25, 1.0, 3.0)
WEIGHTS = (1.3, 0.9, -0.4)


def predicts_noise(mean: Tensor, variance: float) -> Network:
    """Cosine VP with offset 0.008: ε = √(1 − ᾱ)·(x − √ᾱ·m)/(ᾱ·v + 1 − ᾱ)."""

    def network(x: Tensor, time: float) -> Tensor:
        start = math.cos(0.008 / 1.008 * math.pi / 2)
        square = (math.cos((time + 0.008) / 1.008 * math.pi / 2) / start) ** 2
        spread = square * variance + 1 - square
        return math.sqrt(1 - square) * (x - math.sqrt(square) * mean) / spread

    return network


def predicts_velocity(mean: Tensor, variance: float) -> Network:
    """Flow fed 1000·t: E[noise | x] − E[x0 | x]."""

    def network(x: Tensor, time: float) -> Tensor:
        t = time / 1000
        score = (x - (1 - t) * mean) / ((1 - t) ** 2 * variance + t**2)
        return t * score - mean - (1 - t) * variance * score

    return network


def predicts_clean(mean: Tensor, variance: float, quarter_log: bool) -> Network:
    """EDM: m + v/(v + σ²)·(x − m)."""

    def network(x: Tensor, time: float) -> Tensor:
        ratio = math.exp(4 * time) if quarter_log else time
        return mean + variance / (variance + ratio**2) * (x - mean)

    return network


def gaussians() -> list[tuple[Tensor, float]]:
    means = [torch.tensor(mean, dtype=torch.float64) for mean in MEANS]
    return list(zip(means, VARIANCES, strict=True))


def mixed() -> list[tuple[Parametrisation, Network]]:
    first, second, third = gaussians()
    edm = ExplodingTimes(ratio_min=1e-4, ratio_max=1e4, fed="quarter_log")
    return [
        (Parametrisation("eps", CosineTimes(ratio_max=1e4)), predicts_noise(*first)),
        (Parametrisation("flow", FlowTimes()), predicts_velocity(*second)),
        (Parametrisation("x0", edm), predicts_clean(*third, quarter_log=True)),
    ]


def exploding() -> list[tuple[Parametrisation, Network]]:
    native = Parametrisation("x0", ExplodingTimes(ratio_min=1e-4, ratio_max=1e4))
    return [(native, predicts_clean(*each, quarter_log=False)) for each in gaussians()]


def trajectory(
    experts: list[tuple[Parametrisation, Network]], rule: FusionRule, sampler: Sampler
) -> list[Tensor]:
    def denoise(x: Tensor, level: NoiseLevel) -> Tensor:
        estimates = [Estimate(native.denoise(network, x, level)) for native, network in experts]
        background = estimates[1].denoised
        return rule(x, level, estimates, WEIGHTS, (1.0,) * 3, background).denoised

    generator = torch.Generator().manual_seed(2)

    def draw() -> Tensor:
        return torch.randn(16, 2, dtype=torch.float64, generator=generator)

    return [step.x for step in sampler(denoise, draw(), Karras().levels(30), draw)]


@pytest.mark.parametrize("rule", choices(graph.fusion, FusionRule).values())
@pytest.mark.parametrize("sampler", choices(graph.samplers, Sampler).values())
def test_mixed_parametrisations_follow_the_same_trajectory(
    rule: type[FusionRule], sampler: type[Sampler]
) -> None:
    ours = trajectory(mixed(), rule(), sampler())
    theirs = trajectory(exploding(), rule(), sampler())
    for here, there in zip(ours, theirs, strict=True):
        assert torch.allclose(here, there, rtol=0, atol=1e-9)
    assert ours[-1].std() > 0.1
