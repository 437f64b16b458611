"""Experts that take turns: who is heard when, at what cost, and what two of them sample."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from graph.compile import compile_workflow
from graph.envelopes import levels_of
from graph.errors import ChoraleError
from graph.events import Progress, Result
from graph.fusion.product import Product
from graph.fusion.switch import Switch
from graph.library import Library
from graph.machine import Machine
from graph.player import Player
from graph.runtime import Runtime
from graph.samplers.dpmpp_2m import Dpmpp2M
from graph.samplers.heun import Heun
from graph.scores import Bent, Merge, within
from nodes import catalogue
from tests.graph.documents import document
from tests.graph.pieces import controls, final, gaussian, track, voice


def test_turns_are_of_equal_length_or_end_at_the_boundaries() -> None:
    assert Switch().turns(4) == [(1.0, 0.75), (0.75, 0.5), (0.5, 0.25), (0.25, 0.0)]
    assert Switch(boundaries=(0.8, 0.3)).turns(3) == [(1.0, 0.8), (0.8, 0.3), (0.3, 0.0)]
    assert Switch().turns(1) == [(1.0, 0.0)] == Product().turns(1)
    with pytest.raises(ChoraleError, match=r"F009 A switch of 3 experts .* expected 2, got 1"):
        Switch(boundaries=(0.5,)).turns(3)


@pytest.mark.parametrize("boundaries", [(0.3, 0.7), (0.5, 0.5), (1.0,), (0.0,)])
def test_boundaries_fall_between_noise_and_clean(boundaries: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError):
        Switch(boundaries=boundaries)


def test_a_turn_narrows_everything_within_a_score_but_its_background() -> None:
    early = voice("early", gaussian(1.0), noise_range=(0.9, 0.4))
    ground = voice("ground", gaussian(0.0))
    inner = within(Merge("inner", Product(), (early,), ground), (0.6, 0.2))
    assert isinstance(inner, Merge)
    (heard,) = inner.inputs
    assert heard == replace(early, noise_range=(0.6, 0.4))
    assert inner.background == ground
    bent = Bent(
        node="bent",
        reliability=early.reliability,
        muted=False,
        solo=False,
        noise_range=(1.0, 0.5),
        score=early,
        network="bent",
    )
    turned = within(bent, (0.6, 0.2))
    assert turned == replace(bent, noise_range=(0.6, 0.5), score=heard)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_each_level_asks_one_expert_and_is_that_expert(guidance: float) -> None:
    """A switch is the run of one expert that is handed over to the other, to the bit."""
    voices = [voice(name, gaussian(m), guidance=guidance) for name, m in (("a", 2.0), ("b", -1.0))]
    rule = Switch(boundaries=(0.6,))
    ranged = [within(each, turn) for each, turn in zip(voices, rule.turns(2), strict=True)]
    (state,) = final([track(ranged, rule=rule, sampler=Heun(), steps=30)], controls(voices))
    for one, (high, low) in zip(voices, rule.turns(2), strict=True):
        assert {low < level.noise <= high for level, _ in one.expert.calls} == {True}
    asked = sum(len(each.expert.calls) for each in voices)
    alone = [voice("a", gaussian(2.0), guidance=guidance)]
    final([track(alone, sampler=Heun(), steps=30)], controls(alone))
    assert asked == len(alone[0].expert.calls)
    (product,) = final([track(ranged, sampler=Heun(), steps=30)], controls(voices))
    assert torch.equal(state, product)


def test_two_turns_sample_what_two_flows_one_after_the_other_do() -> None:
    """y = m + (y₀ − m)·√((v + r²)/(v + r₀²)) along each turn, exact for a Gaussian."""
    voices = [voice("a", gaussian(2.0, 0.25)), voice("b", gaussian(-1.0, 0.5))]
    rule = Switch()
    ranged = [within(each, turn) for each, turn in zip(voices, rule.turns(2), strict=True)]
    whole = track(ranged, rule=rule, sampler=Dpmpp2M(), steps=400)
    (state,) = final([whole], controls(voices))
    start = whole.levels[0]
    turn = next(level.ratio for level in whole.levels if level.noise <= 0.5)
    kept = math.sqrt((0.25 + turn**2) / (0.25 + start.ratio**2))
    middle = 2.0 + (Player(whole).x / start.alpha - 2.0) * kept
    expected = -1.0 + (middle + 1.0) * math.sqrt(0.5 / (0.5 + turn**2))
    assert torch.allclose(state, expected, rtol=0, atol=2e-3)


def test_a_workflow_plays_one_after_the_other_and_says_so_on_the_faders(tmp_path: Path) -> None:
    nodes = {
        "one": ("gaussian_expert", {"mean": 2.0}),
        "two": ("gaussian_expert", {"mean": -1.0}),
        "fuse": ("fuse", {"rule": {"name": "switch", "boundaries": [0.7]}}),
        "picture": ("picture", {}),
    }
    wires = ("one.score > fuse.scores", "two.score > fuse.scores", "fuse.score > picture.score")
    library = Library(tmp_path / "models", tmp_path / "assets")
    compiled = compile_workflow(document(nodes, wires), catalogue(), library)
    assert compiled.plan is not None
    assert compiled.diagnostics == ()
    events = list(Runtime(library, Machine(torch.device("cpu"), torch.float32)).run(compiled.plan))
    assert isinstance(events[-1], Result)
    (sample,) = (each for each in compiled.plan.operations if each.op == "sample")
    noises = [level.noise for level in levels_of(sample)]
    for noise, event in zip(noises, events, strict=False):
        assert isinstance(event, Progress)
        assert [event.weights[name] > 0 for name in ("one", "two")] == [noise > 0.7, noise <= 0.7]
