from __future__ import annotations

from itertools import permutations

import pytest
import torch
from torch import Tensor

from graph.fusion.conflict_averse import ConflictAverse
from graph.fusion.product import Product
from graph.interfaces import Estimate, Fused
from graph.levels import NoiseLevel
from graph.samplers.heun import Heun
from graph.schedules.karras import Karras
from tests.graph.exact import GaussianFlow, no_noise

LEVEL = NoiseLevel.from_noise(0.4)
COUNT = 2_000


def vectors(*rows: list[float]) -> list[Tensor]:
    return [torch.tensor([row], dtype=torch.float64) for row in rows]


def fuse(
    clean: list[Tensor],
    weights: list[float],
    null: Tensor,
    x: Tensor | None = None,
    level: NoiseLevel = LEVEL,
) -> Fused:
    x = null if x is None else x
    ones = [1.0] * len(clean)
    return ConflictAverse()(x, level, list(map(Estimate, clean)), weights, ones, null)


def surgery(directions: list[Tensor]) -> list[Tensor]:
    """Algorithm 1 of the paper on vectors, for one sample, averaged over all its orders."""
    done: list[Tensor] = []
    for i, own in enumerate(directions):
        results = []
        for order in permutations([j for j in range(len(directions)) if j != i]):
            kept = own
            for j in order:
                product = kept @ directions[j]
                if product < 0:
                    kept = kept - product / (directions[j] @ directions[j]) * directions[j]
            results.append(kept)
        done.append(torch.stack(results).mean(0))
    return done


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_is_gradient_surgery_over_all_orders_for_every_sample_by_itself(count: int) -> None:
    """In two dimensions almost everything conflicts, and the orders differ."""
    generator = torch.Generator().manual_seed(count)
    clean = list(torch.randn(count, 6, 2, dtype=torch.float64, generator=generator))
    null = torch.randn(6, 2, dtype=torch.float64, generator=generator)
    weights = [1.0, 2.5, -0.7, 0.4, 3.0][:count]
    fused = fuse(clean, weights, null)
    for sample in range(6):
        own = [w * (d - null)[sample] for w, d in zip(weights, clean, strict=True)]
        expected = torch.stack(surgery(own))
        assert torch.allclose(fused.terms[:, sample], expected, rtol=0, atol=1e-12)


def test_two_that_disagree_both_give_up_what_the_other_opposes() -> None:
    """(1, 0) and (−1, 1): neither is measured against what is left of the other."""
    null, first, second = vectors([0.0, 0.0], [1.0, 0.0], [-1.0, 1.0])
    fused = fuse([first, second], [1.0, 1.0], null)
    assert torch.allclose(fused.terms[:, 0], torch.tensor([[0.5, 0.5], [0.0, 1.0]]).double())
    assert torch.allclose(fused.denoised, torch.tensor([[0.5, 1.5]]).double())


def test_opposites_cancel_each_other_and_leave_the_third_alone() -> None:
    null, left, right, up = vectors([0.0] * 2, [-1.0, 0.0], [3.0, 0.0], [0.0, 2.0])
    fused = fuse([left, right, up], [1.0, 1.0, 1.0], null)
    assert torch.allclose(fused.denoised, up, rtol=0, atol=1e-15)


def test_a_long_direction_does_not_outvote_a_short_one() -> None:
    null, short, long = vectors([0.0] * 2, [1.0, 0.0], [-100.0, 100.0])
    fused = fuse([short, long], [1.0, 1.0], null)
    assert fused.denoised[0, 0] == pytest.approx(0.5)
    plain = Product()(null, LEVEL, [Estimate(short), Estimate(long)], [1.0] * 2, [1.0] * 2, null)
    assert plain.denoised[0, 0] == -99.0


def test_where_nobody_disagrees_it_is_the_product_to_the_bit() -> None:
    null, *clean = vectors([0.1, 0.2, 0.3], [1.1, 0.3, 0.4], [0.2, 2.2, 0.3], [0.3, 0.3, 0.9])
    estimates, weights = list(map(Estimate, clean)), [1.7, 0.6, 3.1]
    theirs = Product()(null, LEVEL, estimates, weights, [1.0] * 3, null)
    assert torch.equal(fuse(clean, weights, null).terms, theirs.terms)


def test_a_not_and_what_it_opposes_give_way_to_each_other() -> None:
    """NOT (1, 1) is the direction (−1, −1), which opposes (1, 0)."""
    null, wanted, unwanted = vectors([0.0, 0.0], [1.0, 0.0], [1.0, 1.0])
    fused = fuse([wanted, unwanted], [1.0, -1.0], null)
    assert torch.allclose(fused.terms[:, 0], torch.tensor([[0.5, -0.5], [0.0, -1.0]]).double())


def test_two_halves_are_the_whole_between_two_experts() -> None:
    null, first, second = vectors([0.0, 0.0], [1.0, 0.0], [-1.0, 1.0])
    whole = fuse([first, second], [1.0, 1.0], null).denoised
    halves = fuse([first, second, second], [1.0, 0.5, 0.5], null).denoised
    assert torch.allclose(halves, whole, rtol=0, atol=1e-15)


def test_gaussians_of_one_variance_sample_what_the_means_agree_on() -> None:
    """Means b + (1, 0) and b + (−1, 1) of one variance give N(b + (0.5, 1.5), v).

    Their directions never turn: at every level each is a multiple of its m − b. The flow is exact
    up to its steps, so that each sample is held to where the flow of that Gaussian carries it.
    """
    background = GaussianFlow([0.5, -1.0], [1.0, 1.0])
    experts = [GaussianFlow([1.5, -1.0], [1.0, 1.0]), GaussianFlow([-0.5, 0.0], [1.0, 1.0])]

    def denoise(x: Tensor, level: NoiseLevel) -> Tensor:
        clean = [each.denoise(x, level) for each in experts]
        return fuse(clean, [1.0, 1.0], background.denoise(x, level), x, level).denoised

    levels = Karras().levels(30)
    generator = torch.Generator().manual_seed(11)
    start = levels[0].sigma * torch.randn(COUNT, 2, dtype=torch.float64, generator=generator)
    *_, last = Heun()(denoise, start, levels, no_noise)
    exact = GaussianFlow([1.0, 0.5], [1.0, 1.0]).carry(start, levels[0], levels[-1])
    assert (last.x - exact).abs().max() < 0.02
