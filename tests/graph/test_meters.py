"""Meters: shares that sum to one, a map that says where, a cosine that says who disagrees."""

from __future__ import annotations

import torch

from graph.events import Progress
from graph.interfaces import Fused
from graph.levels import NoiseLevel
from graph.meters import Tally
from tests.graph.pieces import controls, events, gaussian, track, voice

EARLY, LATE = NoiseLevel.from_noise(0.9), NoiseLevel.from_noise(0.1)


def test_an_expert_that_paints_the_left_half_owns_the_left_half() -> None:
    left = torch.zeros(1, 3, 4, 4)
    left[..., :2] = 1.0
    terms = torch.stack([left, 3.0 * (1.0 - left)])
    tally = Tally()
    tally.add(("left", "right"), Fused(torch.zeros_like(left), terms), LATE)
    meters = tally.now()
    assert torch.equal(torch.from_numpy(meters.map["left"]), left[:, 0])
    assert abs(meters.share["left"] - 0.25) < 1e-6
    assert meters.cosine[("left", "right")] == 0.0


def test_opposed_directions_have_cosine_minus_one() -> None:
    term = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    tally = Tally()
    tally.add(("a", "b"), Fused(torch.zeros_like(term), torch.stack([term, -0.5 * term])), LATE)
    assert abs(tally.now().cosine[("a", "b")] + 1.0) < 1e-6


def test_the_whole_run_counts_every_step() -> None:
    one = torch.ones(1, 1, 2, 2)
    tally = Tally()
    tally.add(("a", "b"), Fused(one, torch.stack([one, 0 * one])), EARLY)
    tally.add(("b",), Fused(one, torch.stack([3 * one])), LATE)
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


def test_the_course_of_a_run_is_the_cosine_at_every_step() -> None:
    voices = [voice("a", gaussian(1.0)), voice("b", gaussian(-1.0))]
    run = events([track(voices)], controls(voices), rate=float("inf"))
    seen = [event.meters for event in run if isinstance(event, Progress)]
    ((_, _, tally),) = (event for event in run if isinstance(event, tuple))
    course = tally.whole().course[("a", "b")]
    assert [noise for noise, _ in course] == [each.noise for each in track(voices).levels[:-1]]
    assert [cosine for _, cosine in course] == [each.cosine[("a", "b")] for each in seen]


def test_a_pair_is_followed_where_both_are_heard_and_sample_by_sample() -> None:
    one, other = torch.eye(2), torch.eye(2) * torch.tensor([[-1.0], [1.0]])
    tally = Tally()
    tally.add(("a", "b"), Fused(one, torch.stack([one, other])), EARLY)
    tally.add(("a",), Fused(one, one[None]), LATE)
    noises, cosines = tally.agreed()[("a", "b")]
    assert noises == (EARLY.noise,)
    assert cosines.tolist() == [[-1.0, 1.0]]
    assert tally.whole().course == {("a", "b"): ((EARLY.noise, 0.0),)}
    assert tally.whole().cosine == {}
