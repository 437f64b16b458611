"""Sound as a fader's player: what its nodes add to a plan, what a run hears, what is refused."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graph.compile import Compiler, compile_workflow
from graph.events import Performance, Progress, Result
from graph.library import Library
from graph.plan import Control, Plan
from graph.runtime import Runtime
from graph.schedules.log_snr import LogSnr
from graph.storage import import_assets
from graph.workflow import Workflow, dump_workflow, read_workflow
from nodes import catalogue
from tests.graph.documents import Nodes, changed, document
from tests.graph.recordings import RATE, buzz, ramp, recorded, silence
from tests.graph.test_sounds import png

STEPS = 9
TWO: Nodes = {
    "sound": ("audio", {}),
    "follow": ("loudness", {"window": 5, "low": 0.0, "high": 1.0}),
    "one": ("gaussian_expert", {"mean": 0.6}),
    "two": ("gaussian_expert", {"mean": -0.6}),
    "fuse": ("fuse", {"rule": {"name": "mean"}}),
    "sampler": ("sampler", {"steps": STEPS, "seed": 5}),
    "picture": ("picture", {}),
}
WIRES = (
    "sound.audio > follow.audio",
    "follow.reliability > one.reliability",
    "one.score > fuse.scores",
    "two.score > fuse.scores",
    "fuse.score > picture.score",
    "sampler.sampling > picture.sampling",
)
SWELL = ramp(2.0)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "models", tmp_path / "assets")


def sounding(data: bytes = SWELL, wires: tuple[str, ...] = WIRES, **settings: Any) -> Workflow:
    """Two experts, one of which follows a sound that comes with the workflow."""
    name = hashlib.sha256(data).hexdigest()
    nodes = changed(TWO, **{"sound": {"file": name}, **settings})
    return document(nodes, wires, assets={name: base64.b64encode(data).decode()})


def planned(workflow: Workflow, library: Library) -> Plan:
    compiled = compile_workflow(workflow, catalogue(), library)
    assert compiled.plan is not None, "\n".join(map(str, compiled.diagnostics))
    return compiled.plan


def control(plan: Plan, name: str = "follow.curve") -> Control:
    return next(each for each in plan.controls if each.name == name)


def default(plan: Plan, name: str = "follow.curve") -> Any:
    return control(plan, name).default


def said(workflow: Workflow, library: Library) -> list[str]:
    found = compile_workflow(workflow, catalogue(), library).diagnostics
    return [f"{each.severity}: {each} [{each.node}]" for each in found]


def test_a_sound_becomes_a_curve_like_any_other(library: Library) -> None:
    plan = planned(sounding(), library)
    assert "weight=@one.reliability*@follow.curve," in str(plan)
    assert "weight=@two.reliability," in str(plan)
    curve, drawn = control(plan), default(plan)
    levels = LogSnr().levels(STEPS)[:-1]
    assert (curve.kind, curve.derived) == ("curve", True)
    assert [noise for noise, _ in drawn] == [level.noise for level in levels]
    assert [height for _, height in drawn] == pytest.approx(np.linspace(0.0, 1.0, STEPS), abs=0.04)


def test_moving_what_the_sound_does_makes_nothing_anew(library: Library) -> None:
    plain = planned(sounding(), library)
    assert planned(sounding(follow={"high": 2.0}), library).key == plain.key
    assert planned(sounding(recorded(buzz(np.ones(RATE)))), library).key == plain.key
    assert control(planned(sounding(follow={"high": 2.0}), library)) != control(plain)


def test_the_curve_follows_the_steps(library: Library) -> None:
    short = default(planned(sounding(sampler={"steps": 4}), library))
    assert len(short) == 4
    assert short[-1][1] == 1.0


def test_a_run_hears_records_and_replays_the_loudness(library: Library) -> None:
    workflow = sounding()
    import_assets(workflow, library)
    plan, runtime = planned(workflow, library), Runtime(library)
    events = list(runtime.run(plan))
    heard = [each.weights["one"] for each in events if isinstance(each, Progress)]
    guidance: Any = default(plan, "one.guidance")
    assert heard == pytest.approx([guidance * height for _, height in default(plan)])
    (result,) = (each for each in events if isinstance(each, Result))
    assert (0, "follow.curve", default(plan)) in result.record.moves
    flat = ((1.0, 0.5), (0.0, 0.5))
    other = Performance(((0, "follow.curve", flat), (4, "follow.curve", default(plan))))
    for performance, same in ((result.record, True), (other, False)):
        *_, again = runtime.run(plan, performance=performance)
        assert isinstance(again, Result)
        assert (again.pictures[0].tobytes() == result.pictures[0].tobytes()) is same
        assert set(performance.moves) <= set(again.record.moves)


def test_where_it_is_silent_the_expert_is_not_asked(library: Library) -> None:
    half = recorded(buzz(np.concatenate([np.zeros(RATE), np.ones(RATE)])))
    events = Runtime(library).run(planned(sounding(half), library))
    heard = [each.weights["one"] for each in events if isinstance(each, Progress)]
    assert heard[:4] == [0.0] * 4
    assert heard[5:] == pytest.approx([heard[-1]] * 4)
    assert heard[-1] > 0.0


def test_two_envelopes_of_one_sound_are_two_curves(library: Library) -> None:
    name = hashlib.sha256(SWELL).hexdigest()
    nodes: Nodes = {
        **changed(TWO, sound={"file": name}),
        "away": ("loudness", {"window": 5, "low": 1.0, "high": 0.0}),
    }
    wires = (*WIRES, "sound.audio > away.audio", "away.reliability > two.reliability")
    files = {name: base64.b64encode(SWELL).decode()}
    plan = planned(document(nodes, wires, assets=files), library)
    up, down = (default(plan, name) for name in ("follow.curve", "away.curve"))
    assert [a + b for (_, a), (_, b) in zip(up, down, strict=True)] == pytest.approx([1.0] * STEPS)


def test_a_curve_and_a_sweep_multiply_with_it(library: Library) -> None:
    nodes: Nodes = {
        **changed(TWO, sound={"file": hashlib.sha256(SWELL).hexdigest()}),
        "amount": ("sweep", {"count": 3}),
        "late": ("curve", {}),
    }
    wires = (*WIRES, "amount.reliability > one.reliability", "late.reliability > one.reliability")
    files = {hashlib.sha256(SWELL).hexdigest(): base64.b64encode(SWELL).decode()}
    plan = planned(document(nodes, wires, assets=files), library)
    factors = "@one.reliability*@follow.curve*sweep(amount: 0…1)*@late.points"
    assert f"weight={factors}," in str(plan)


def test_the_document_comes_back_as_it_was(library: Library) -> None:
    workflow = sounding(follow={"window": 250, "low": 0.25, "high": 1.5})
    again = read_workflow(dump_workflow(workflow))
    assert again == workflow
    assert planned(again, library) == planned(workflow, library)


def test_nothing_is_kept_that_is_not_stored(library: Library) -> None:
    compiler = Compiler(catalogue(), library)
    without = sounding().model_copy(update={"assets": {}})
    assert compiler.compile(sounding()).plan is not None
    found = compiler.compile(without)
    assert found.plan is None and found.diagnostics[0].code == "A001"


EMPTY = recorded(np.zeros(0))
CASES = {
    "a picture": (
        sounding(png()),
        "error: A011 The file is a picture and no sound. Choose a WAV, FLAC or OGG file. [sound]",
    ),
    "no sound at all": (
        document(TWO, WIRES),
        "error: A009 'Audio' is empty. Record or choose a sound. [sound]",
    ),
    "no samples": (
        sounding(EMPTY),
        "error: A014 The sound is empty: it has no samples. Choose or record another. [sound]",
    ),
    "silence": (
        sounding(silence()),
        (
            "warning: A016 The sound of 'Audio' is silent. "
            "Record it again nearer to the microphone, or choose another. [sound]"
        ),
    ),
    "no wire": (
        sounding(wires=WIRES[1:]),
        (
            "error: G006 'Loudness' needs something wired to 'audio'. "
            "Wire a node that gives audio: Audio. [follow]"
        ),
    ),
    "too many steps for the schedule": (
        sounding(sampler={"steps": 9, "schedule": {"name": "discrete", "trained_times": 4}}),
        (
            "error: S001 The noise schedule 'discrete' cannot place 9 steps on the 4 times "
            "its model was trained on. "
            "Take fewer steps, or choose another noise schedule. [picture]"
        ),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_said_at_its_node(case: str, library: Library) -> None:
    workflow, sentence = CASES[case]
    assert said(workflow, library) == [sentence]


@pytest.mark.parametrize("stored", [False, True])
def test_a_sound_is_no_mask_and_a_mask_no_sound(stored: bool, library: Library) -> None:
    name = hashlib.sha256(SWELL).hexdigest()
    nodes: Nodes = {
        "map": ("map", {"picture": name}),
        "one": TWO["one"],
        "picture": ("picture", {}),
    }
    wires = ("map.reliability > one.reliability", "one.score > picture.score")
    workflow = document(nodes, wires, assets={name: base64.b64encode(SWELL).decode()})
    if stored:
        import_assets(workflow, library)
    assert said(workflow, library) == [
        "error: A003 The file is a sound and no picture. Choose a PNG, JPEG or WEBP file. [map]"
    ]
