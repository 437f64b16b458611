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
METHOD = {"node": "sampler", "setting": "method", "choices": ["heun", "ddim", "dpmpp_2m"]}
RULE = {"node": "fuse", "setting": "rule", "choices": ["mean", "product", "superdiff_or"]}
EVERY_RULE = [
    "conflict_averse",
    "mean",
    "perp_neg",
    "product",
    "superdiff_and",
    "superdiff_or",
    "switch",
]
MUTED = {"node": "b", "setting": "muted", "choices": [False, True]}
NOISE = {"node": "sampler", "setting": "schedule.log_snr_min", "start": -8, "stop": -2, "count": 2}


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rounds")
    return Session(shelf=Shelf(folder), history=History(folder))


def halved(*weights):
    """The two with weights that sum to one, or with these."""
    workflow = copy.deepcopy(TWO)
    for node, weight in zip(workflow["nodes"], weights or (0.5, 0.5), strict=False):
        node["settings"]["guidance"] = weight
    return workflow


def played(session, workflow, sheet=None):
    return list(session.play(RUN, workflow, None, "ann", sheet=sheet))


def files(result):
    return [base64.b64decode(each.partition(",")[2]) for each in result["pictures"]]


def pixels(file):
    return np.asarray(Image.open(io.BytesIO(file)))


@pytest.mark.parametrize(
    "axes",
    [
        [MEAN],
        [MEAN, SEED],
        [STEPS],
        [SEED, FADER],
        [NOISE],
        [FADER, STEPS],
        [METHOD],
        [METHOD, FADER],
        [MUTED, MEAN],
        [{**RULE, "choices": ["product", "perp_neg"]}],
    ],
)
def test_every_cell_is_the_picture_of_the_workflow_that_it_carries(session, axes):
    weights = (1.5, -0.5) if axes[0]["node"] == "fuse" else (0.5, 0.5)
    frames = played(session, halved(*weights), axes)
    result = frames[-1]
    assert result["type"] == "result"
    shape = [len(axis["choices"]) if "choices" in axis else axis["count"] for axis in axes]
    assert result["sheet"]["cells"] == [list(place) for place in np.ndindex(*shape)]
    made = files(result)
    assert len(made) == np.prod(shape)
    for place, file in zip(result["sheet"]["cells"], made, strict=True):
        workflow, _ = read_bytes(file)
        for axis, at in zip(result["sheet"]["axes"], place, strict=True):
            name, _, field = axis["setting"].partition(".")
            value = workflow.find(axis["node"]).settings[name]
            inner = field or ("name" if isinstance(value, dict) else "")
            assert (value[inner] if inner else value) == axis["values"][at]
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


def findings(session, workflow, axes):
    (frame,) = played(session, workflow, axes)
    assert frame["type"] == "failure"
    return [f"{each['code']} {each['message']}" for each in frame["diagnostics"]]


def test_a_cell_that_cannot_be_sampled_is_named_with_its_reason_and_nothing_plays(session):
    (said,) = findings(session, halved(), [RULE])
    assert said.startswith("F008 Where rule of 'Fuse' is superdiff or: 'Fuse' follows densities")
    said, _ = findings(session, halved(1, 1), [{**RULE, "choices": EVERY_RULE}])
    assert said.startswith("F005 Where rule of 'Fuse' is conflict averse, perp neg or product: ")
    methods = {**METHOD, "choices": ["heun", "euler_maruyama", "ddim"]}
    said = findings(session, halved(), [methods, RULE])
    assert [each.partition(": ")[0] for each in said] == [
        f"F008 Where method of 'Sampler' is {each} and rule of 'Fuse' is superdiff or"
        for each in ("heun", "ddim")
    ]
    said = findings(session, halved(2, -1), [FADER, {**RULE, "choices": ["mean", "product"]}])
    assert [each.partition(": ")[0] for each in said] == [
        "F005 Where reliability of 'Gaussian expert' is 0 and rule of 'Fuse' is product",
        "F006 Where reliability of 'Gaussian expert' is 1 and rule of 'Fuse' is mean",
    ]


def test_a_warning_is_no_reason_against_a_cell(session):
    workflow = halved()
    for node in workflow["nodes"][:2]:
        node["settings"]["muted"] = True
    (said,) = findings(session, workflow, [{**RULE, "choices": ["mean", "superdiff_or"]}])
    assert said.startswith("F008 Where rule of 'Fuse' is superdiff or: ")


def test_a_schedule_that_cannot_place_the_steps_is_said_before_anything_plays(session):
    workflow = halved()
    workflow["nodes"][3]["settings"]["schedule"] = {"name": "discrete", "trained_times": 3}
    schedules = {"node": "sampler", "setting": "schedule", "choices": ["karras", "discrete"]}
    (said,) = findings(session, workflow, [schedules])
    assert said.startswith("S001 Where schedule of 'Sampler' is discrete: The noise schedule")
    assert played(session, workflow, [{**schedules, "choices": ["karras", "flow"]}])[-1]["sheet"]


def test_what_is_wrong_in_every_cell_is_said_of_none(session):
    (said,) = findings(session, halved(99, 1), [METHOD])
    assert said.startswith("S006 'guidance' of")


def test_cells_that_are_no_block_are_told_by_one_of_them(session):
    workflow = halved(1, 1)
    workflow["nodes"][2]["settings"]["rule"] = {"name": "product"}
    axes = [{**FADER, "start": 0.5, "stop": 1.5}, {**FADER, "node": "a", "start": 0.5, "stop": 1.5}]
    said = findings(session, workflow, axes)
    assert len(said) == 2
    assert said[0].startswith(
        "F005 Where reliability of 'Gaussian expert' (b) is 0.5 and reliability of 'Gaussian "
        "expert' (a) is 1.5 (and in 1 more cell): The weights of 'Fuse' sum to 2"
    )


def test_the_page_is_told_which_choices_are_not_for_this_workflow(session):
    axis = {**RULE, "choices": EVERY_RULE}
    unfit = session.unfit({"workflow": halved(), "axis": axis})["unfit"]
    assert [name for name, _ in unfit] == ["superdiff_and", "superdiff_or", "switch"]
    assert unfit[2][1].startswith("The weights of 'Fuse' sum to 0.5 without a background")
    assert all("follows densities along a path of fresh noise" in why for _, why in unfit[:2])
    negative = session.unfit({"workflow": halved(2, -1), "axis": axis})["unfit"]
    assert dict(negative).keys() == {"mean", "superdiff_and", "superdiff_or", "switch"}
    assert session.unfit({"workflow": halved(99, 1), "axis": axis})["unfit"] == []


def test_classes_and_models_are_those_that_the_library_knows(session):
    workflow = {
        "chorale": 1,
        "nodes": [
            {"id": "what", "type": "label"},
            {"id": "voice", "type": "class_expert"},
            {"id": "out", "type": "picture"},
        ],
        "wires": [
            {"from": "what.class", "to": "voice.class"},
            {"from": "voice.score", "to": "out.score"},
        ],
    }
    names = [*session.models()["playground/class"]["labels"], "bathtub", ""]
    axis = {"node": "what", "setting": "name", "choices": names}
    unfit = dict(session.unfit({"workflow": workflow, "axis": axis})["unfit"])
    assert unfit.keys() == {"bathtub", ""}
    assert "has no class named 'bathtub'" in unfit["bathtub"]
    models = ["playground/class", "playground/mask", "nowhere", "../../secret"]
    axis = {"node": "voice", "setting": "model", "choices": models}
    unfit = dict(session.unfit({"workflow": workflow, "axis": axis})["unfit"])
    assert "models with the condition class" in unfit["playground/mask"]
    assert "There is no model 'nowhere'" in unfit["nowhere"]
    assert "is no name of a model" in unfit["../../secret"]
    (said,) = findings(session, workflow, [axis | {"choices": models[:2]}])
    assert said.startswith("M011 Where model of 'Class expert' is playground/mask: ")


@pytest.mark.parametrize(
    "asked", [{}, {"workflow": TWO}, {"workflow": 7, "axis": RULE}, {"workflow": TWO, "axis": [1]}]
)
def test_nothing_is_unfit_of_what_is_no_axis(session, asked):
    assert session.unfit(asked) == {"unfit": []}
