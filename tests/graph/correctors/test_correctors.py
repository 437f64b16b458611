"""Laws that every corrector keeps; a new one in the folder is held to them by itself."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch

import graph.correctors
from graph.correctors.none import Uncorrected
from graph.correctors.ula import Ula
from graph.events import Progress
from graph.interfaces import Corrector, Step
from graph.levels import CLEAN, NoiseLevel
from graph.registry import choices
from graph.samplers.dpmpp_2m import Dpmpp2M
from graph.samplers.euler import Euler
from graph.samplers.euler_ancestral import EulerAncestral
from graph.scores import Track
from tests.graph.corrections import PAIR, Ensemble, drawn
from tests.graph.pieces import controls, events, final, gaussian, track, voice

CORRECTORS = [corrector() for corrector in choices(graph.correctors, Corrector).values()]
ALONE = [corrector for corrector in CORRECTORS if not corrector.couples]
HERE, THERE = NoiseLevel.from_ratio(1.5), NoiseLevel.from_ratio(1.0)

each_corrector = pytest.mark.parametrize("corrector", CORRECTORS, ids=lambda each: each.name)
each_alone = pytest.mark.parametrize("corrector", ALONE, ids=lambda each: each.name)


def plain(corrector: Corrector, **settings: object) -> Track:
    """Two Gaussians, by a sampler that every corrector can follow."""
    voices = [voice("a", gaussian(1.0)), voice("b", gaussian(-1.0))]
    made = track(voices, sampler=EulerAncestral(), **settings)
    return replace(made, corrector=corrector)


def mailbox() -> object:
    return controls([voice("a", gaussian(1.0)), voice("b", gaussian(-1.0))])


@each_corrector
def test_it_asks_as_often_as_it_says(corrector: Corrector) -> None:
    ensemble, x = Ensemble(PAIR, [0.6, 0.4]), torch.zeros(4, 1, dtype=torch.float64)
    seen = ensemble(x, HERE)
    corrector(None, seen, Step(x, THERE, x), ensemble, drawn((4, 1)))
    assert ensemble.asked - 1 == corrector.calls_per_step


@each_corrector
def test_a_clean_state_is_not_asked_about(corrector: Corrector) -> None:
    ensemble, x = Ensemble(PAIR, [0.6, 0.4]), torch.zeros(4, 1, dtype=torch.float64)
    made = corrector(None, ensemble(x, HERE), Step(x, CLEAN, x), ensemble, drawn((4, 1)))
    assert ensemble.asked == 1
    assert torch.equal(made.x, x)


@each_corrector
def test_the_type_of_the_state_is_kept(corrector: Corrector) -> None:
    ensemble, x = Ensemble(PAIR, [0.6, 0.4]), torch.randn(4, 1)
    draw = drawn((4, 1))
    made = corrector(None, ensemble(x, HERE), Step(x, THERE, x), ensemble, lambda: draw().float())
    assert made.x.dtype == torch.float32


@each_alone
def test_a_batch_is_its_single_runs(corrector: Corrector) -> None:
    batch, *singles = (
        final([plain(corrector, samples=each)], mailbox())[0]
        for each in ((0, 1, 5), (0,), (1,), (5,))
    )
    assert torch.allclose(batch, torch.cat(singles), rtol=0, atol=1e-12)


@each_corrector
def test_a_run_repeats_and_reads_the_same(corrector: Corrector) -> None:
    runs = [events([plain(corrector, samples=(0, 1, 2, 3))], mailbox()) for _ in range(2)]
    told = [[e.readings for e in run if isinstance(e, Progress)] for run in runs]
    assert told[0] == told[1]
    assert torch.equal(runs[0][-1][1], runs[1][-1][1])


@each_corrector
def test_the_meters_are_those_of_the_samplers_step(corrector: Corrector) -> None:
    """The first step is taken before anything was corrected."""
    first = [
        next(e for e in events([plain(each)], mailbox(), rate=1e9) if isinstance(e, Progress))
        for each in (Uncorrected(), corrector)
    ]
    assert first[0].meters is not None
    assert first[0].meters.share == first[1].meters.share
    assert first[0].weights == first[1].weights


def test_readings_are_in_the_progress_of_those_that_read() -> None:
    found = {
        corrector.name: {
            name
            for event in events([plain(corrector, samples=(0, 1))], mailbox())
            if isinstance(event, Progress)
            for name in event.readings
        }
        for corrector in CORRECTORS
    }
    assert found == {"none": set(), "ula": set(), "mala": {"acceptance"}, "fkc": {"effective"}}


def test_none_leaves_every_bit() -> None:
    voices = [voice("a", gaussian(1.0)), voice("b", gaussian(-1.0))]
    (without,) = final([track(voices, sampler=Dpmpp2M())], mailbox())
    (given,) = final(
        [replace(track(voices, sampler=Dpmpp2M()), corrector=Uncorrected())], mailbox()
    )
    assert torch.equal(without, given)
    (euler,) = final([track(voices, sampler=Euler())], mailbox())
    assert not torch.equal(without, euler)


def test_a_multistep_sampler_forgets_what_led_elsewhere() -> None:
    """After every correction DPM-Solver++ starts anew, at first order: it is Euler's method."""
    voices = [voice("a", gaussian(1.0)), voice("b", gaussian(-1.0))]
    stirred = [
        final([replace(track(voices, sampler=each), corrector=Ula(rounds=1))], mailbox())[0]
        for each in (Dpmpp2M(), Euler())
    ]
    assert torch.allclose(*stirred, rtol=0, atol=1e-12)


def test_langevin_goes_by_the_ensemble_at_the_new_level() -> None:
    experts = [gaussian(1.0), gaussian(-1.0)]
    voices = [voice(name, each) for name, each in zip("ab", experts, strict=True)]
    made = replace(track(voices, steps=3), corrector=Ula(rounds=2))
    final([made], controls(voices))
    levels = made.levels
    asked = [level for level, _ in experts[0].calls]
    rounds = itertools.chain.from_iterable([level] * 3 for level in levels[1:3])
    assert asked == [levels[0], *rounds]
