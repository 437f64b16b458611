"""The loop: what is asked of whom, and that faders, stops, seeds and tracks do as they say."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from graph.asking import Question, ask, doubt, settle
from graph.errors import ChoraleError
from graph.events import Progress, Stopped
from graph.experts.gaussian import Gaussian
from graph.fusion.mean import Mean
from graph.interfaces import Sampler
from graph.levels import NoiseLevel
from graph.loop import play
from graph.preview import Watch
from graph.samplers.ddim import Ddim
from graph.samplers.dpmpp_2m import Dpmpp2M
from graph.samplers.euler import Euler
from graph.samplers.euler_maruyama import EulerMaruyama
from graph.samplers.heun import Heun
from graph.scores import Merge
from tests.graph.pieces import SHAPE, Counted, controls, events, final, gaussian, track, voice


def test_one_forward_pass_per_network_and_step_for_all_its_conditions() -> None:
    shared = gaussian(0.0)
    voices = [voice(f"v{i}", shared, shift=float(i), network="net") for i in range(4)]
    final([track(voices, samples=(0, 1), steps=5)], controls(voices))
    asked = 4 + 1  # four conditions, and one null that they share
    assert [states for _, states in shared.calls] == [asked * 2] * 5


def test_a_muted_a_silent_and_an_out_of_range_voice_are_not_evaluated() -> None:
    heard, muted, silent, early = (gaussian(float(i)) for i in range(4))
    voices = [
        voice("heard", heard),
        voice("muted", muted),
        voice("silent", silent),
        voice("early", early, noise_range=(1.0, 0.5)),
    ]
    mailbox = controls(voices)
    mailbox.set("muted.muted", True)
    mailbox.set("silent.reliability", 0)
    final([track(voices)], mailbox)
    assert len(heard.calls) == 6
    assert muted.calls == silent.calls == []
    assert early.calls
    assert all(level.noise >= 0.5 for level, _ in early.calls)


def test_a_muted_voice_leaves_no_bit_behind() -> None:
    both = [voice("a", gaussian(1.0)), voice("b", gaussian(-1.0))]
    mailbox = controls(both)
    mailbox.set("b.muted", True)
    (with_muted,) = final([track(both)], mailbox)
    (alone,) = final([track(both[:1])], controls(both[:1]))
    assert torch.equal(with_muted, alone)


def test_solo_silences_the_others() -> None:
    both = [voice("a", gaussian(1.0)), voice("b", gaussian(-1.0))]
    mailbox = controls(both)
    mailbox.set("a.solo", True)
    (soloed,) = final([track(both)], mailbox)
    (alone,) = final([track(both[:1])], controls(both[:1]))
    assert torch.equal(soloed, alone)


def test_a_background_that_is_a_fusion_is_weighed_by_its_own_faders() -> None:
    loud, ground, other = (voice(name, gaussian(i)) for i, name in enumerate("abc"))
    fused = track([loud])

    def made(background: Any, *silent: str, solo: str = "") -> Tensor:
        mailbox = controls([loud, ground, other])
        for name in silent:
            mailbox.set(f"{name}.muted", True)
        if solo:
            mailbox.set(f"{solo}.solo", True)
        score = replace(fused.score, background=background)
        return final([replace(fused, score=score)], mailbox)[0]

    alone = made(ground)
    mixed = Merge("mix", Mean(), (ground, other))
    whole = made(mixed)
    assert not torch.equal(whole, alone)
    assert torch.allclose(made(mixed, "c"), alone)
    assert torch.allclose(made(mixed, solo="b"), alone)
    assert torch.equal(made(mixed, solo="a"), whole), "whoever plays alone is measured as before"


@pytest.mark.parametrize("sampler", [Euler(), Heun(), Ddim(eta=1.0), EulerMaruyama(), Dpmpp2M()])
def test_a_batch_is_its_single_runs(sampler: Sampler) -> None:
    voices = [voice("a", gaussian(1.0)), voice("b", gaussian(-1.0))]
    like = torch.empty(0, dtype=torch.float32)
    batch, *singles = (
        final([track(voices, samples=each, sampler=sampler, like=like)], controls(voices))[0]
        for each in ((0, 1, 5), (0,), (1,), (5,))
    )
    assert torch.allclose(batch, torch.cat(singles), atol=1e-5)
    assert not torch.allclose(batch[0], batch[1])


def test_a_fader_moved_while_it_plays_is_heard_at_the_next_step_and_replayed_bit_by_bit() -> None:
    voices = [voice("a", gaussian(1.0)), voice("b", gaussian(-1.0))]
    mailbox, seen, played = controls(voices), [], []
    playing = play([track(voices)], mailbox, threading.Event(), Watch(0, {}))
    for event in playing:
        if isinstance(event, Progress):
            seen.append(event.weights["b"])
            if event.step == 2:
                mailbox.set("b.reliability", 0.25)
            if event.step == 4:
                mailbox.set("a.muted", True)
        else:
            played.append(event[1])
    assert seen == [1.0, 1.0, 0.25, 0.25, 0.25, 0.25]
    moves = mailbox.performance.moves
    assert (2, "b.reliability", 0.25) in moves
    assert (4, "a.muted", True) in moves
    (again,) = final([track(voices)], controls(voices, performance=mailbox.performance))
    assert torch.equal(again, played[0])
    (still,) = final([track(voices)], controls(voices))
    assert not torch.equal(still, played[0])


def test_when_a_voice_leaves_a_multistep_sampler_forgets_its_history() -> None:
    voices = [voice("a", gaussian(1.0)), voice("b", gaussian(-1.0), noise_range=(1.0, 0.5))]
    whole = track(voices, sampler=Dpmpp2M(), steps=8)
    (played,) = final([whole], controls(voices))
    leaves = next(i for i, level in enumerate(whole.levels) if level.noise < 0.5)
    first = replace(whole, levels=whole.levels[: leaves + 1])
    (middle,) = final([first], controls(voices))
    rest = track(voices[:1], sampler=Dpmpp2M())
    walk = Dpmpp2M()(
        lambda x, level: _denoised(rest.score, x, level),
        middle,
        whole.levels[leaves:],
        lambda: middle,
    )
    assert torch.allclose([step.x for step in walk][-1], played, atol=1e-12)


def _denoised(merge: Merge, x: torch.Tensor, level: NoiseLevel) -> torch.Tensor:
    (only,) = merge.inputs
    return only.expert.denoise(x, level, only.condition.spread(len(x)))


def test_stop_ends_the_run_before_its_next_step() -> None:
    voices = [voice("a", gaussian(1.0))]
    stop = threading.Event()
    steps = []
    for event in play([track(voices)], controls(voices), stop, Watch(0, {})):
        steps.append(event)
        if len(steps) == 3:
            stop.set()
    assert [type(event) for event in steps] == [Progress] * 3 + [Stopped]
    assert steps[-1] == Stopped(3)
    assert len(voices[0].expert.calls) == 3


def test_tracks_advance_in_lock_step_and_draw_their_own_noise() -> None:
    voices = [voice("a", gaussian(1.0))]
    pair = [track(voices, number=0), track(voices, number=1)]
    order = [
        (event.step, event.track)
        for event in events(pair, controls(voices))
        if isinstance(event, Progress)
    ]
    assert order == [(step, name) for step in range(1, 7) for name in ("track0", "track1")]
    first, second = final(pair, controls(voices))
    assert not torch.equal(first, second)
    assert torch.equal(first, final(pair[:1], controls(voices))[0])


def test_with_every_expert_silent_the_background_paints() -> None:
    voices = [voice("a", gaussian(1.0)), voice("b", gaussian(-1.0))]
    mailbox = controls(voices)
    for name in ("a", "b"):
        mailbox.set(f"{name}.muted", True)
    (state,) = final([track(voices)], mailbox)
    null = [voice("null", Gaussian(SHAPE, mean=0.0, variance=1.0))]
    (expected,) = final([track(null)], controls(null))
    assert torch.allclose(state, expected, atol=1e-12)


def test_with_every_expert_silent_and_no_background_the_run_says_so() -> None:
    bare = [voice("a", Gaussian(SHAPE, mean=1.0))]
    mailbox = controls(bare)
    mailbox.set("a.muted", True)
    with pytest.raises(ChoraleError, match="R003"):
        final([track(bare)], mailbox)


def test_a_fusion_can_be_fused_again() -> None:
    a, b, c = (voice(name, gaussian(mean)) for name, mean in (("a", 1.0), ("b", -1.0), ("c", 0.5)))
    flat = track([a, b, c])
    inner = Merge("inner", flat.score.rule, (a, b))
    nested = replace(flat, score=Merge("fuse", flat.score.rule, (inner, c)))
    (one,), (two,) = final([flat], controls([a, b, c])), final([nested], controls([a, b, c]))
    assert torch.allclose(one, two, atol=1e-12)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_an_expert_that_answers_no_number_is_named_and_what_was_told_before_stays(
    value: float,
) -> None:
    class Breaking(Counted):
        def denoise(self, x: Tensor, level: NoiseLevel, conditions: Sequence[Any]) -> Tensor:
            answer = super().denoise(x, level, conditions)
            if len(self.calls) == 4:
                answer[0, 0, 0, 0] = value
            return answer

    voices = [voice("sound", gaussian(1.0)), voice("broken", Breaking(gaussian(2.0).inner))]
    played = play([track(voices, steps=6)], controls(voices), threading.Event(), Watch(0, {}))
    told = [next(played) for _ in range(3)]
    assert all(isinstance(event, Progress) for event in told)
    with pytest.raises(ChoraleError) as stopped:
        next(played)
    (said,) = stopped.value.diagnostics
    assert (said.code, said.node) == ("R010", "broken")
    assert "not-a-number at noise" in said.message


def test_a_state_that_is_no_number_blames_no_expert() -> None:
    one = voice("one", gaussian(1.0))
    x = torch.full((1, *SHAPE), math.nan, dtype=torch.float64)
    asked, level = [Question(one, one.condition)], NoiseLevel.from_noise(0.5)
    answers = ask(x, level, asked)
    assert next(iter(answers.values())).isnan().all()
    settle([doubt(x, level, asked, answers)])
    with pytest.raises(ChoraleError, match="R010"):
        settle([doubt(torch.zeros_like(x), level, asked, answers)])


def test_answers_are_not_waited_for_before_they_are_looked_at() -> None:
    """On the meta device nothing has a value, so that looking at one would fail."""
    one = voice("one", gaussian(1.0))
    x = torch.zeros((1, *SHAPE), dtype=torch.float64, device="meta")
    found = doubt(
        x,
        NoiseLevel.from_noise(0.5),
        [Question(one, one.condition)],
        {("one", one.condition.key): x},
    )
    assert found.broken.device.type == "meta"
    with pytest.raises(RuntimeError):
        settle([found])
