from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from graph.fusion.perp_neg import PerpNeg
from graph.fusion.product import Product
from graph.interfaces import Estimate
from graph.levels import NoiseLevel
from graph.samplers.heun import Heun
from graph.schedules.karras import Karras
from tests.graph.exact import GaussianFlow, no_noise

LEVEL = NoiseLevel.from_noise(0.4)
COUNT = 100_000


def draw(count: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(7)
    return list(torch.randn(count, 4, 2, 3, dtype=torch.float64, generator=generator))


def fuse(
    clean: list[Tensor],
    weights: list[float | Tensor],
    null: Tensor,
    x: Tensor | None = None,
    level: NoiseLevel = LEVEL,
) -> Tensor:
    x = null if x is None else x
    ones = [1.0] * len(clean)
    return PerpNeg()(x, level, list(map(Estimate, clean)), weights, ones, null).denoised


def dot(left: Tensor, right: Tensor) -> Tensor:
    return torch.einsum("bcw,bcw->b", left, right)


def test_is_the_formula_of_the_paper_for_every_sample_by_itself() -> None:
    """u + Δ₊ − Σ w·(Δ₋ − proj Δ₋), one sample after the other."""
    wanted, unwanted, worse, null = draw(4)
    fused = fuse([wanted, unwanted, worse], [3.0, -0.8, -1.5], null)
    for sample in range(4):
        here = null[sample].flatten()
        aim = wanted[sample].flatten() - here
        expected = here + 3.0 * aim
        for weight, each in ((0.8, unwanted), (1.5, worse)):
            off = each[sample].flatten() - here
            expected = expected - weight * (off - aim * (off @ aim) / (aim @ aim))
        assert torch.allclose(fused[sample].flatten(), expected, rtol=0, atol=1e-12)


def test_what_is_wanted_is_kept_whole() -> None:
    """The fused direction has the length of the wanted one along it, however strong the NOT."""
    wanted, unwanted, null = draw(3)
    aim = wanted - null
    for weight in (-0.1, -1.0, -15.0):
        fused = fuse([wanted, unwanted], [2.0, weight], null)
        assert torch.allclose(dot(fused - null, aim), 2.0 * dot(aim, aim), rtol=1e-12)
        plain = null + 2.0 * aim + weight * (unwanted - null)
        assert not torch.allclose(dot(plain - null, aim), 2.0 * dot(aim, aim), rtol=0.01)


def test_several_that_are_wanted_are_one_aim() -> None:
    first, second, unwanted, null = draw(4)
    aim = 2.0 * (first - null) + 0.5 * (second - null)
    fused = fuse([first, second, unwanted], [2.0, 0.5, -1.0], null)
    assert torch.allclose(dot(fused - null, aim), dot(aim, aim), rtol=1e-12)


def test_a_not_that_asks_for_what_is_wanted_takes_nothing() -> None:
    wanted, null = draw(2)
    for unwanted in (wanted, null + 0.3 * (wanted - null), null - 2.0 * (wanted - null)):
        fused = fuse([wanted, unwanted], [2.0, -1.5], null)
        assert torch.allclose(fused, null + 2.0 * (wanted - null), rtol=0, atol=1e-12)


@pytest.mark.parametrize("weights", [[1.0, 2.0], [-1.0, -2.0], [-0.5], [3.0]])
def test_weights_of_one_sign_are_the_product(weights: list[float]) -> None:
    *clean, null = draw(len(weights) + 1)
    estimates, ones = list(map(Estimate, clean)), [1.0] * len(weights)
    theirs = Product()(null, LEVEL, estimates, weights, ones, null).denoised
    assert torch.allclose(fuse(clean, weights, null), theirs, rtol=0, atol=1e-12)


def test_a_map_may_ask_here_and_forbid_there() -> None:
    wanted, unwanted, null = draw(3)
    split = torch.tensor([1.0, 0.0, -1.0], dtype=torch.float64)
    fused = fuse([wanted, unwanted], [1.0, split], null)
    aim = (wanted - null) + split.clamp(min=0) * (unwanted - null)
    against = split.clamp(max=0) * (unwanted - null)
    share = (dot(against, aim) / dot(aim, aim))[:, None, None]
    assert torch.allclose(fused, null + aim + against - share * aim, rtol=0, atol=1e-12)


def test_gaussians_of_one_variance_keep_the_wanted_coordinate_of_their_mean() -> None:
    """With means b + e₁ and b + e₁ + e₂ a NOT of weight w moves by w·e₂ alone: N(b + e₁ − w·e₂, v).

    Their directions never turn: at every level each is a multiple of its m − b.
    The flow keeps standard scores, and starts around 0 at σ = 80 instead of around that mean.
    """
    background = GaussianFlow([0.5, 0.5], [1.0, 1.0])
    wanted = GaussianFlow([1.5, 0.5], [1.0, 1.0])
    unwanted = GaussianFlow([1.5, 1.5], [1.0, 1.0])

    def denoise(x: Tensor, level: NoiseLevel) -> Tensor:
        clean = [each.denoise(x, level) for each in (wanted, unwanted)]
        return fuse(clean, [1.0, -0.7], background.denoise(x, level), x, level)

    levels = Karras().levels(30)
    generator = torch.Generator().manual_seed(11)
    start = torch.randn(COUNT, 2, dtype=torch.float64, generator=generator)
    *_, last = Heun()(denoise, levels[0].sigma * start, levels, no_noise)
    kept = 1 - 1 / math.hypot(1.0, 80.0)
    assert last.x.mean(0).tolist() == pytest.approx([1.5 * kept, -0.2 * kept], abs=0.015)
    assert last.x.var(0).tolist() == pytest.approx([1.0, 1.0], rel=0.02)
