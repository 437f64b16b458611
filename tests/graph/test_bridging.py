"""Bridges between latent spaces, held against closed forms of Gaussians and linear codecs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from graph.bridging import back, crossed
from graph.experts.gaussian import Gaussian
from graph.fusion.product import Product
from graph.interfaces import Estimate
from graph.levels import NoiseLevel
from graph.player import Player
from graph.randomness import Draws
from graph.reliability import Reliability
from graph.samplers.euler import Euler
from graph.schedules.karras import Karras
from graph.scores import Bank, Bridged, Encoded, Merge, Score, Track, Voice, within
from tests.graph.pieces import LIKE, SHAPE, Counted, controls, final, no_picture, reliability, voice

HOME = SHAPE
ABROAD = (3, 4, 4)
VARIANCE = 0.25


@dataclass
class Linear:
    """A codec whose pictures are [n, p, h, w] = the matrix times the latents, place by place."""

    matrix: Tensor
    calls: int = 0

    def pixels(self, latents: Tensor) -> Tensor:
        self.calls += 1
        return torch.einsum("pc,nchw->nphw", self.matrix, latents)

    def latents(self, pixels: Tensor) -> Tensor:
        self.calls += 1
        return torch.einsum("cp,nphw->nchw", torch.linalg.pinv(self.matrix), pixels)


def turned(seed: int, pictures: int = 3, channels: int = 2) -> Linear:
    """Columns that are orthonormal, so that a variance is the same on both sides."""
    drawn = torch.randn(
        pictures, channels, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )
    return Linear(torch.linalg.qr(drawn)[0])


def foreign(shift: Tensor, name: str = "foreign", **settings: Any) -> Voice:
    """A voice abroad whose condition moves the mean, its variance as without it."""
    expert = Counted(Gaussian(ABROAD, variance=VARIANCE, has_null=True, null_variance=VARIANCE))
    return abroad(name, expert, Encoded("shift", (shift.expand(ABROAD),)), **settings)


def abroad(name: str, expert: Any, condition: Encoded, guidance: float = 1.0) -> Voice:
    spoken = voice(name, expert, guidance=guidance)
    faded = Reliability((reliability(name),), HOME, no_picture, LIKE)
    return replace(spoken, condition=condition, reliability=faded)


def at_home(name: str = "home", shift: float = 0.0) -> Voice:
    """A voice at home; without its condition it is the same Gaussian about zero."""
    expert = Counted(Gaussian(HOME, variance=VARIANCE, has_null=True, null_variance=VARIANCE))
    return voice(name, expert, shift=shift)


def bridge(score: Score, anchor: Score, here: Any, there: Any) -> Bridged:
    return Bridged(
        bridge="bridge",
        score=score,
        anchor=anchor,
        shape=ABROAD,
        home=Bank(here),
        abroad=Bank(there),
    )


def track(*inputs: Score, background: Score | None = None) -> Track:
    return Track(
        name="track",
        number=0,
        shape=HOME,
        seed=3,
        samples=(0, 5),
        levels=Karras().levels(6),
        sampler=Euler(),
        score=Merge("fuse", Product(), inputs, background),
        like=LIKE,
    )


def played(*inputs: Score, voices: tuple[Voice, ...], **moves: Any) -> Tensor:
    return final([track(*inputs)], controls(voices, **moves))[0]


def test_beyond_an_invertible_codec_an_expert_paints_what_it_would_at_home() -> None:
    here, there = turned(0), Linear(torch.linalg.qr(turned(1, 3, 3).matrix)[0])
    moved = torch.tensor([0.7, -0.4], dtype=torch.float64).reshape(2, 1, 1)
    away = crossed(moved.expand(1, *HOME), Bank(here), Bank(there))[0]
    one, other = at_home(), foreign(away, guidance=2.5)
    got = played(one, bridge(other, one, here, there), voices=(one, other))
    expert = Gaussian(HOME, variance=VARIANCE, has_null=True, null_variance=VARIANCE)
    same = voice("foreign", expert, guidance=2.5)
    same = replace(same, condition=Encoded("shift", (moved.expand(HOME),)))
    want = played(one, same, voices=(one, same))
    assert (got - want).abs().max() < 1e-12
    assert (want - played(one, voices=(one,))).abs().max() > 0.1


@pytest.mark.parametrize("guidance", [1.0, 7.0])
def test_what_the_round_trip_loses_is_no_part_of_it(guidance: float) -> None:
    """A lossy codec, whose pictures know one direction of three: nothing asked, nothing changed."""
    here, there = turned(0), Linear(torch.tensor([[1.0, 2.0, 0.0]] * 3, dtype=torch.float64))
    one, other = at_home(shift=0.6), foreign(torch.zeros((), dtype=torch.float64))
    other = replace(other, guidance=guidance)
    crossing = crossed(torch.ones(1, *HOME).double(), Bank(here), Bank(there))
    assert not torch.allclose(crossed(crossing, Bank(there), Bank(here)), torch.ones(1).double())
    alone = played(one, voices=(one,))
    assert played(one, bridge(other, one, here, there), voices=(one, other)).equal(alone)


def test_only_what_survives_the_way_comes_home() -> None:
    here = Linear(torch.eye(2, dtype=torch.float64))
    there = Linear(torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]], dtype=torch.float64))
    shift = torch.tensor([0.5, 9.0, -9.0], dtype=torch.float64).reshape(3, 1, 1)
    anchor = Estimate(torch.randn(4, *HOME).double(), torch.randn(4, *HOME).double())
    clean = torch.randn(4, *ABROAD).double()
    crossing = bridge(foreign(shift), at_home(), here, there)
    brought = back(crossing, anchor, Estimate(clean + shift, clean))
    assert brought.null is anchor.null
    change = brought.denoised - brought.null
    assert torch.allclose(change[:, 0], torch.tensor(0.5).double(), atol=1e-12)
    assert not change[:, 1].any()


def test_every_step_is_as_the_formulas_say() -> None:
    """D = B + S(D_B) − S(z), z = T(D_A), at x_B = alpha·z + sigma·ε, twice by hand.

    The second ε is what the first D_B took for noise: (x_B − alpha·D_B)/sigma.
    """
    here, there = turned(0), turned(1, 3, 3)
    expert = Gaussian(ABROAD, mean=0.3, variance=0.5)
    spoken = abroad("foreign", expert, Encoded("none", (expert.encode(0.0),)))
    one = replace(at_home(), null=None)
    player = Player(track(bridge(spoken, one, here, there)))
    player.values = {"foreign.reliability": 1.0, "foreign.muted": False, "foreign.solo": False}
    role = Draws(3, 0, (0, 5), "bridge bridge", ABROAD, LIKE)
    noise = role()
    for ratio in (0.8, 0.3):
        level = NoiseLevel.from_ratio(ratio)
        x = torch.randn(2, *HOME, generator=torch.Generator().manual_seed(1)).double()
        got = player.denoise(x, level)
        d_a = level.alpha * VARIANCE / (level.alpha**2 * VARIANCE + level.sigma**2) * x
        z = crossed(d_a, Bank(here), Bank(there))
        x_b = level.alpha * z + level.sigma * noise
        d_b = expert.denoise(x_b, level, spoken.condition.spread(2))
        noise = (x_b - level.alpha * d_b) / level.sigma
        s = [crossed(each, Bank(there), Bank(here)) for each in (d_b, z)]
        assert (got - (d_a + s[0] - s[1])).abs().max() < 1e-12


def test_a_muted_one_costs_nothing() -> None:
    here, there = turned(0), turned(1, 3, 3)
    one, other = at_home(shift=0.6), foreign(torch.ones((), dtype=torch.float64))
    score = bridge(other, one, here, there)
    alone = played(one, voices=(one,))
    mailbox = controls((one, other))
    mailbox.set("foreign.muted", True)
    assert final([track(one, score)], mailbox)[0].equal(alone)
    assert not other.expert.calls  # pyright: ignore[reportAttributeAccessIssue]
    assert here.calls == there.calls == 0


def test_with_everyone_muted_the_background_is_painted_and_nobody_asked_abroad() -> None:
    here, there = turned(0), turned(1, 3, 3)
    one, other = at_home(shift=0.6), foreign(torch.ones((), dtype=torch.float64))
    mailbox = controls((one, other))
    mailbox.set("foreign.muted", True)
    mailbox.set("home.muted", True)
    got = final([track(one, bridge(other, one, here, there))], mailbox)[0]
    assert got.equal(final([track(one)], mailbox)[0])
    assert not other.expert.calls  # pyright: ignore[reportAttributeAccessIssue]
    assert here.calls == there.calls == 0


def test_six_ways_through_a_codec_and_one_question_a_step() -> None:
    here, there = turned(0), turned(1, 3, 3)
    one, other = at_home(shift=0.6), foreign(torch.ones((), dtype=torch.float64))
    played(one, bridge(other, one, here, there), voices=(one, other))
    steps = 6
    assert [count for _, count in other.expert.calls] == [4] * steps  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]
    assert [count for _, count in one.expert.calls][-steps:] == [4] * steps  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]
    assert (here.calls, there.calls) == (2 * steps, 2 * steps)


def test_an_anchor_of_two_and_a_fusion_abroad_are_heard_by_their_own_faders() -> None:
    here, there = turned(0), turned(1, 3, 3)
    pair = [foreign(torch.tensor(each).double(), name) for name, each in (("a", 1.0), ("b", -1.0))]
    one, two = at_home("one", 0.5), at_home("two", -0.5)
    inner, anchor = Merge("far", Product(), tuple(pair)), Merge("near", Product(), (one, two))
    score = Merge("fuse", Product(), (one, bridge(inner, anchor, here, there)))
    everyone = (*pair, one, two)
    both = final([replace(track(one), score=score)], controls(everyone))[0]
    alone = played(one, voices=(one,))
    assert both.allclose(alone, atol=1e-12)  # the two abroad take each other away
    mailbox = controls(everyone)
    mailbox.set("b.muted", True)
    assert (final([replace(track(one), score=score)], mailbox)[0] - alone).abs().max() > 0.1


def test_turns_reach_beyond_a_bridge() -> None:
    other, one = foreign(torch.ones(()).double()), at_home()
    turned_ = within(bridge(other, one, None, None), (0.6, 0.2))
    assert isinstance(turned_, Bridged)
    assert isinstance(turned_.score, Voice)
    assert turned_.score.noise_range == (0.6, 0.2)


def test_pictures_of_another_size_are_resized_on_the_way() -> None:
    small, large = Bank(None, (4, 2)), Bank(None, (8, 4))
    plain = torch.full((1, 3, 2, 4), 0.25)
    assert crossed(plain, small, large).equal(torch.full((1, 3, 4, 8), 0.25))
    assert crossed(crossed(plain, small, large), large, small).allclose(plain)
    ramp = torch.arange(8.0).expand(1, 3, 4, 8)
    halved = crossed(ramp, large, small)
    assert halved[0, 0, 0, 1:3].tolist() == pytest.approx([2.5, 4.5])
