"""What is moved while a session plays: heard at the next step, recorded, replayed exactly."""

import base64
import hashlib
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from graph.library import Library
from studio import piece
from studio.session import Session

EXAMPLES = Path(__file__).resolve().parents[2] / "assets" / "workflows"
RUN = "0123456789abcdef" * 2
LATE = [[1.0, 0.0], [0.5, 2.0], [0.0, 0.25]]


@pytest.fixture(scope="module")
def session():
    return Session()


def curved(steps=6):
    workflow = json.loads((EXAMPLES / "curve.json").read_text())
    sampler = next(node for node in workflow["nodes"] if node["type"] == "sampler")
    sampler["settings"]["steps"] = steps
    return workflow


def played(session, record=None, moves=None, workflow=None):
    """The frames of a run; `moves[n]` is sent after the n-th step, 0 before the first."""
    frames = []
    for frame in session.play(RUN, workflow or curved(), record, "ann"):
        frames.append(frame)
        step = {"started": 0, "progress": frame.get("step")}.get(frame["type"])
        if moves and step in moves:
            control, value, *picture = moves[step]
            move = {"run": RUN, "control": control, "value": value}
            move |= {"picture": picture[0]} if picture else {}
            assert session.set_control(move) == {"diagnostics": []}
    return frames


def test_a_run_names_its_controls_and_hears_them_before_its_first_step(session):
    frames = played(session, moves={0: ("late.points", LATE)})
    assert {"late.points", "early.points", "text_expert.reliability"} <= set(frames[0]["controls"])
    opening = {name: value for step, name, value in frames[-1]["record"] if step == 0}
    assert [list(point) for point in opening["late.points"]] == LATE


def test_a_curve_drawn_while_it_plays_is_recorded_and_replayed_bit_by_bit(session):
    still = played(session)[-1]
    moved = played(session, moves={3: ("late.points", LATE)})[-1]
    assert moved["type"] == "result"
    later = [(step, name) for step, name, _ in moved["record"] if step > 0]
    assert later == [(3, "late.points")]
    assert pixels(moved) != pixels(still)
    again = played(session, record=json.loads(json.dumps(moved["record"])))[-1]
    assert again["record"] == moved["record"]
    assert again["pictures"] == moved["pictures"]


def test_a_map_painted_while_it_plays_travels_in_its_picture(session, tmp_path):
    workflow = json.loads((EXAMPLES / "map.json").read_text())
    sampler = next(node for node in workflow["nodes"] if node["type"] == "sampler")
    sampler["settings"]["steps"] = 4
    file = io.BytesIO()
    Image.new("L", (64, 64), 40).save(file, "PNG")
    name = hashlib.sha256(file.getvalue()).hexdigest()
    painted = ("left_map.picture", name, base64.b64encode(file.getvalue()).decode())
    made = played(session, moves={1: painted}, workflow=workflow)[-1]
    elsewhere = Session(library=Library(piece.MODELS, tmp_path))
    assert name not in elsewhere._library.assets
    opened = elsewhere.open_picture({"picture": made["pictures"][0]})
    assert opened["record"] == made["record"]
    assert name in opened["workflow"]["assets"]
    again = played(elsewhere, record=opened["record"], workflow=opened["workflow"])[-1]
    assert pixels(again) == pixels(made)
    assert pixels(again) != pixels(played(session, workflow=workflow)[-1])


def pixels(result):
    files = (base64.b64decode(picture.partition(",")[2]) for picture in result["pictures"])
    return [Image.open(io.BytesIO(file)).tobytes() for file in files]
