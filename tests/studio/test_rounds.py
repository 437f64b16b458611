"""Sheets of numbers that change the plan: their cells play one after another, told as one run."""

import base64
import copy
import io
import json

import numpy as np
import pytest
from PIL import Image

from graph.storage import read_bytes
from studio.history import History
from studio.session import Session
from studio.shelf import Shelf
from tests.studio.documents import TWO

RUN = "0123456789abcdef" * 2
MEAN = {"node": "a", "setting": "mean", "start": -0.8, "stop": 0.8, "count": 3}
SEED = {"node": "sampler", "setting": "seed", "start": 5, "stop": 6, "count": 2}
STEPS = {"node": "sampler", "setting": "steps", "start": 2, "stop": 4, "count": 3}
FADER = {"node": "b", "setting": "reliability", "start": 0.0, "stop": 1.0, "count": 2}
NOISE = {"node": "sampler", "setting": "schedule.log_snr_min", "start": -8, "stop": -2, "count": 2}


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rounds")
    return Session(shelf=Shelf(folder), history=History(folder))


def played(session, workflow, sheet=None):
    return list(session.play(RUN, workflow, None, "ann", sheet=sheet))


def files(result):
    return [base64.b64decode(each.partition(",")[2]) for each in result["pictures"]]


def pixels(file):
    return np.asarray(Image.open(io.BytesIO(file)))


@pytest.mark.parametrize(
    "axes", [[MEAN], [MEAN, SEED], [STEPS], [SEED, FADER], [NOISE], [FADER, STEPS]]
)
def test_every_cell_is_the_picture_of_the_workflow_that_it_carries(session, axes):
    frames = played(session, copy.deepcopy(TWO), axes)
    result = frames[-1]
    assert result["type"] == "result"
    shape = [axis["count"] for axis in axes]
    assert result["sheet"]["cells"] == [list(place) for place in np.ndindex(*shape)]
    made = files(result)
    assert len(made) == np.prod(shape)
    for place, file in zip(result["sheet"]["cells"], made, strict=True):
        workflow, _ = read_bytes(file)
        for axis, at in zip(result["sheet"]["axes"], place, strict=True):
            name, _, field = axis["setting"].partition(".")
            value = workflow.find(axis["node"]).settings[name]
            assert (value[field] if field else value) == axis["values"][at]
        (alone,) = files(played(session, json.loads(workflow.model_dump_json(by_alias=True)))[-1])
        assert np.array_equal(pixels(alone), pixels(file))
    assert any(not np.array_equal(pixels(made[0]), pixels(other)) for other in made[1:])


def test_steps_are_counted_through_and_no_fader_is_promised(session):
    frames = played(session, copy.deepcopy(TWO), [STEPS])
    assert frames[0]["controls"] == []
    told = [frame for frame in frames if frame["type"] == "progress"]
    assert [frame["step"] for frame in told] == list(range(1, 2 + 3 + 4 + 1))
    assert told[-1]["step"] == told[-1]["steps"]
    shown = {frame["step"]: len(frame["preview"]) for frame in told if frame["preview"]}
    # what is finished, and what is begun if its preview was due
    assert shown.keys() - {1} == {3, 6}
    assert shown[3] in (1, 2)
    assert shown[6] in (2, 3)
    assert frames[-1]["record"] == []


def test_a_run_that_is_stopped_ends_with_its_round(session):
    frames = []
    for frame in session.play(RUN, copy.deepcopy(TWO), None, "ann", sheet=[MEAN]):
        frames.append(frame["type"])
        if frame.get("step") == 6:  # in the second of three rounds
            session.stop({"run": RUN})
    assert frames[-1] == "stopped"
    assert frames.count("progress") <= 8


@pytest.mark.parametrize(
    ("axis", "said"),
    [
        ({**MEAN, "stop": 11.0}, "S006"),
        ({**STEPS, "start": 0}, "S006"),
        ({**MEAN, "node": "idle"}, "changes nothing of what is sampled"),
    ],
)
def test_what_cannot_be_swept_is_said_before_anything_plays(session, axis, said):
    workflow = copy.deepcopy(TWO)
    workflow["nodes"].append({"id": "idle", "type": "gaussian_expert", "settings": {}})
    (frame,) = played(session, workflow, [axis])
    assert frame["type"] == "failure"
    assert any(said in f"{each['code']} {each['message']}" for each in frame["diagnostics"])
