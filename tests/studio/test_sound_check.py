"""What a check tells the page of a sound: the curve that it makes."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from graph.library import Library
from studio.session import Session
from tests.graph.recordings import ramp
from tests.studio.test_cli import FOLLOWING

PAGE = "0123456789abcdef" * 2


def following(**loudness: float) -> dict[str, Any]:
    """Two experts, one of which follows a sound."""
    data = ramp(1.0)
    name = hashlib.sha256(data).hexdigest()
    settings = {"sound": {"file": name}, "f": loudness}
    nodes = [{"settings": {}, **each} for each in FOLLOWING["nodes"]]
    nodes = [
        {**each, "settings": {**each["settings"], **settings.get(each["id"], {})}} for each in nodes
    ]
    return {**FOLLOWING, "nodes": nodes, "assets": {name: base64.b64encode(data).decode()}}


@pytest.fixture
def session(tmp_path) -> Session:
    return Session(Library(tmp_path / "models", tmp_path / "assets"))


def test_the_curve_is_told_and_follows_what_is_set(session: Session) -> None:
    first = session.check({"page": PAGE, "workflow": following(low=0.0, high=1.0)})
    assert first["diagnostics"] == []
    assert list(first["curves"]) == ["f.curve"]
    louder = session.check({"page": PAGE, "workflow": following(low=0.0, high=2.0)})
    heights, doubled = (
        [height for _, height in each["curves"]["f.curve"]] for each in (first, louder)
    )
    assert len(heights) == 4 and heights[-1] == 1.0
    assert doubled == pytest.approx([2 * height for height in heights])


def test_a_workflow_with_faults_has_no_curves(session: Session) -> None:
    assert "curves" not in session.check({"page": PAGE, "workflow": FOLLOWING})


def test_a_curve_of_a_sound_is_moved_while_it_plays(session: Session) -> None:
    run, moved = "ab" * 16, [[1.0, 0.0], [0.0, 0.0]]
    frames: list[dict[str, Any]] = []
    for frame in session.play(run, following(), None, "ann"):
        frames.append(frame)
        if frame["type"] == "progress" and frame["step"] == 2:
            asked = {"run": run, "control": "f.curve", "value": moved}
            assert session.set_control(asked) == {"diagnostics": []}
    assert "f.curve" in frames[0]["controls"]
    weights = [frame["weights"]["a"] for frame in frames if frame["type"] == "progress"]
    assert weights[1] > 0.0 and weights[2:] == [0.0, 0.0]
    later = [(step, name) for step, name, _ in frames[-1]["record"] if step > 0]
    assert later == [(2, "f.curve")]
