"""Adapters: one for each range of noise, small, and nothing at all before they have learned."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from graph.levels import CLEAN, PURE_NOISE, NoiseLevel
from graph.low_rank import Adapted, adapted, range_of, rank_within, shapes, untrained
from tests.graph.classifiers import network

EDGES = (-6.0, -2.0, 2.0, 6.0)


def parameters() -> dict[str, Tensor]:
    return dict(network("resnet").named_parameters())


def sizes() -> dict[str, torch.Size]:
    return {name: part.shape for name, part in parameters().items()}


def count(rank: int) -> int:
    return sum(map(math.prod, shapes(sizes(), rank).values()))


def test_every_level_lies_in_one_range_and_an_edge_in_the_one_above() -> None:
    levels = [PURE_NOISE, *(NoiseLevel.from_log_snr(-12 + 0.25 * n) for n in range(97)), CLEAN]
    found = [range_of(EDGES, level) for level in levels]
    assert found == sorted(found)
    assert set(found) == set(range(5))
    assert [range_of((0.0,), NoiseLevel.from_log_snr(at)) for at in (-1e-9, 0.0, 1e-9)] == [0, 1, 1]
    assert range_of((), CLEAN) == range_of((), PURE_NOISE) == 0


def test_an_adapter_adds_half_of_up_times_down_and_its_shift() -> None:
    """W' = W + alpha/rank·up·down with alpha half the rank, written out."""
    generator = torch.Generator().manual_seed(3)
    weight = torch.randn(6, 4, 3, 3, generator=generator, dtype=torch.float64)
    bias = torch.randn(6, generator=generator, dtype=torch.float64)
    down = torch.randn(2, 36, generator=generator, dtype=torch.float64)
    up = torch.randn(6, 2, generator=generator, dtype=torch.float64)
    shift = torch.randn(6, generator=generator, dtype=torch.float64)
    adapter = {"a.weight.down": down, "a.weight.up": up, "a.bias.shift": shift}
    found = adapted({"a.weight": weight, "a.bias": bias, "b": bias}, adapter)
    for i, j, k, m in ((0, 0, 0, 0), (5, 3, 2, 1), (2, 1, 0, 2)):
        column = 9 * j + 3 * k + m
        change = 0.5 * sum(float(up[i, r] * down[r, column]) for r in range(2))
        assert float(found["a.weight"][i, j, k, m]) == pytest.approx(
            float(weight[i, j, k, m]) + change, abs=1e-12
        )
    assert torch.equal(found["a.bias"], bias + shift)
    assert torch.equal(found["b"], bias)


def test_an_untrained_adapter_leaves_every_bit_and_no_two_are_alike() -> None:
    own, generator = parameters(), torch.Generator().manual_seed(1)
    one, two = (untrained(own, 2, generator) for _ in range(2))
    for name, part in adapted(own, one).items():
        assert torch.equal(part, own[name])
    downs = [name for name in one if name.endswith(".down")]
    assert downs
    assert all(not torch.equal(one[name], two[name]) for name in downs)


@pytest.mark.parametrize("share", [0.13, 0.25, 0.4])
def test_the_rank_is_the_highest_that_keeps_within_the_share(share: float) -> None:
    whole = sum(map(math.prod, sizes().values()))
    rank = rank_within(sizes(), share)
    assert count(rank) <= share * whole < count(rank + 1)


def test_a_share_that_holds_no_adapter_is_refused() -> None:
    with pytest.raises(ValueError, match="no adapter"):
        rank_within(sizes(), 0.001)


def test_the_parameters_follow_the_level() -> None:
    own, generator = parameters(), torch.Generator().manual_seed(1)
    adapters = [untrained(own, 1, generator) for _ in range(5)]
    for number, each in enumerate(adapters):
        for name, part in each.items():
            if name.endswith(".shift"):
                part.fill_(number)
    whole = Adapted(own, EDGES, adapters)
    bias = next(name for name, part in own.items() if part.ndim == 1)
    for log_snr, number in ((-9.0, 0), (0.0, 2), (9.0, 4), (-4.0, 1), (-4.5, 1)):
        with torch.inference_mode():
            found = whole.at(NoiseLevel.from_log_snr(log_snr))[bias]
        assert torch.equal(found, own[bias] + number)
        assert not found.is_inference()  # a gradient may lead through it
