"""Pieces whose nodes lie in subgraphs: settings, samplers and replays reach them there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graph.errors import ChoraleError
from graph.events import Performance, Progress, Result
from graph.workflow import read_workflow
from studio import piece as opened
from studio.cli import main
from studio.piece import Piece, load
from studio.session import Session
from tests.graph.flatten.nesting import wrapped
from tests.graph.validate.nested_cases import drawing, inlet, node, outlet

VOICE = drawing(
    [node("e", "gaussian_expert", settings={"mean": 0.5}), node("bend", "reroute")],
    "bend.out > e.reliability",
    inputs=[inlet("amount", "bend.in")],
    outputs=[outlet("score", "e.score")],
)
NODES = [
    node("a", "subgraph", of="voice"),
    node("b", "subgraph", of="voice"),
    node("fuse", "fuse", settings={"rule": {"name": "mean"}}),
    node("out", "picture"),
]
WIRES = ("a.score > fuse.scores", "b.score > fuse.scores", "fuse.score > out.score")


def document(*more: dict[str, Any], wires: tuple[str, ...] = ()) -> dict[str, Any]:
    return drawing([*NODES, *more], *WIRES, *wires, subgraphs={"voice": VOICE})


def piece(content: dict[str, Any], performance: Performance | None = None) -> Piece:
    return Piece(read_workflow(json.dumps(content)), performance)


def defaults(found: Piece) -> dict[str, object]:
    return {control.name: control.default for control in found.plan().controls}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    sampler = node("sampler", "sampler", settings={"steps": 4})
    path = tmp_path / "two.json"
    path.write_text(json.dumps(document(sampler, wires=("sampler.sampling > out.sampling",))))
    return path


def test_a_fader_within_is_set_in_its_place_alone() -> None:
    found = defaults(piece(document()).with_setting("b/e.reliability", 0.25))
    assert (found["a/e.reliability"], found["b/e.reliability"]) == (1.0, 0.25)


@pytest.mark.parametrize("address", ["b/x.mean", "b/e/x.mean", "c/e.mean", "b/e", "/.x"])
def test_an_address_that_leads_nowhere_is_answered_with_those_that_lead(address: str) -> None:
    with pytest.raises(ChoraleError, match=r"S010 .* with a node of: (b/)?(e|a), "):
        piece(document()).with_setting(address, 1.0)


def test_the_command_line_sets_and_replays_within(file: Path, tmp_path: Path, capsys) -> None:
    assert main(["check", str(file), "--set", "a/e.reliability=9"]) == 1
    said = "error: S006 'reliability' of 'Subgraph › Gaussian expert (a/e)'"
    assert said in capsys.readouterr().out
    assert main(["plan", str(file), "--set", "a/e.mean=0.125"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("mean=0.125") == 1
    assert "weight=@b/e.reliability" in printed
    moves = tmp_path / "moves.json"
    moves.write_text(json.dumps([[0, "a/e.reliability", 1.0], [2, "a/e.reliability", 0.0]]))
    assert main(["run", str(file), "--out", str(tmp_path / "out"), "--replay", str(moves)]) == 0
    (picture,) = (tmp_path / "out").iterdir()
    again = load(picture)
    assert (2, "a/e.reliability", 0.0) in again.performance.moves
    assert set(again.workflow.subgraphs) == {"voice"}
    weights = [event.weights for event in again.play() if isinstance(event, Progress)]
    assert [(each["a/e"], each["b/e"]) for each in weights][1:3] == [(1.0, 1.0), (0.0, 1.0)]


def test_a_sweep_from_outside_reaches_within() -> None:
    amount = node("amount", "sweep", settings={"count": 3})
    found = piece(document(amount, wires=("amount.reliability > b.amount",)))
    (result,) = [
        event for event in found.with_sampling(steps=2).play() if isinstance(event, Result)
    ]
    assert len(result.pictures) == 3


def test_samplers_within_are_set_and_a_missing_one_is_added_there(file: Path) -> None:
    plain = json.loads(file.read_text())
    for chosen in (["sampler"], ["out"], ["sampler", "out"], ["sampler", "out", "fuse", "a", "b"]):
        set_ = piece(wrapped(plain, chosen, "w")).with_sampling(seed=77, steps=3).plan()
        assert [op["seed"] for op in set_.operations if op.op == "noise"] == [77]
        assert [op["steps"] for op in set_.operations if op.op == "sample"] == [3]
    bare = wrapped(document(), ["out"], "w")
    added = piece(bare).with_sampling(seed=78)
    assert [op["seed"] for op in added.plan().operations if op.op == "noise"] == [78]
    assert [each.type for each in added.workflow.subgraphs["w"].nodes] == ["picture", "sampler"]


def test_a_device_that_is_not_there_is_told_before_a_run(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(opened, "DEVICES", "playground/text=cuda:64")
    opened._runtime.cache_clear()
    path = tmp_path / "piece.json"
    path.write_text(json.dumps(document()))
    assert main(["run", str(path), "--out", str(tmp_path)]) == 1
    assert "R014 CHORALE_DEVICES places 'playground/text' on 'cuda:64'" in capsys.readouterr().err
    assert list(tmp_path.glob("*.png")) == []
    Session().warm()
    assert "no run can begin: R014" in caplog.text
