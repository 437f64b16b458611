"""Meters: shares that sum to one, a map that says where, a cosine that says who disagrees."""

from __future__ import annotations

import torch

from graph.events import Progress
from graph.interfaces import Fused
from graph.meters import Tally
from tests.graph.pieces import controls, events, gaussian, track, voice


def test_an_expert_that_paints_the_left_half_owns_the_left_half() -> None:
    left = torch.zeros(1, 3, 4, 4)
    left[..., :2] = 1.0
    terms = torch.stack([left, 3.0 * (1.0 - left)])
    tally = Tally()
    tally.add(("left", "right"), Fused(torch.zeros_like(left), terms))
    meters = tally.now()
    assert torch.equal(torch.from_numpy(meters.map["left"]), left[:, 0])
    assert abs(meters.share["left"] - 0.25) < 1e-6
    assert meters.cosine[("left", "right")] == 0.0


def test_opposed_directions_have_cosine_minus_one() -> None:
    term = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    tally = Tally()
    tally.add(("a", "b"), Fused(torch.zeros_like(term), torch.stack([term, -0.5 * term])))
    assert abs(tally.now().cosine[("a", "b")] + 1.0) < 1e-6


def test_the_whole_run_counts_every_step() -> None:
    one = torch.ones(1, 1, 2, 2)
    tally = Tally()
    tally.add(("a", "b"), Fused(one, torch.stack([one, 0 * one])))
    tally.add(("b",), Fused(one, torch.stack([3 * one])))
    assert tally.now().share == {"b": 1.0}
    whole = tally.whole().share
    assert abs(whole["a"] - 0.25) < 1e-6
    assert abs(whole["b"] - 0.75) < 1e-6


def test_meters_of_a_run_sum_to_one_at_every_step() -> None:
    voices = [voice("a", gaussian(1.0)), voice("b", gaussian(-1.0))]
    seen = [
        event.meters
        for event in events([track(voices)], controls(voices), rate=float("inf"))
        if isinstance(event, Progress)
    ]
    assert len(seen) == 6
    for meters in seen:
        assert abs(sum(meters.share.values()) - 1.0) < 1e-6
        assert abs(sum(meters.map.values()) - 1.0).max() < 1e-6
        assert -1.0 <= meters.cosine[("a", "b")] <= 1.0
