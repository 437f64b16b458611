"""Sweep sheets: every cell has its own faders, and its workflow makes its picture again."""

import copy
import json
import math

import numpy as np
import pytest

import nodes
from graph.compile import compile_workflow
from graph.errors import ChoraleError
from graph.events import Performance, Result
from graph.workflow import Workflow, dump_workflow
from studio import piece
from studio.piece import Piece
from studio.sheets import MAX_CELLS, read_sheet
from tests.graph.flatten.nesting import wrapped
from tests.studio.documents import TWO

X = {"node": "a", "setting": "reliability", "start": 0.0, "stop": 1.0, "count": 3}
Y = {"node": "b", "setting": "guidance", "start": 6.0, "stop": 2.0, "count": 2}
SCHEDULES = {"node": "sampler", "setting": "schedule", "choices": ["karras", "log_snr"]}
WITHIN = {"node": "sampler", "setting": "schedule.log_snr_min", "start": -9, "stop": -1, "count": 2}


def workflow(**sampler):
    document = copy.deepcopy(TWO)
    document["nodes"][3]["settings"].update(sampler)
    return Workflow.model_validate(document)


def sheet_plan(sheet):
    return compile_workflow(sheet.played(), nodes.catalogue(), piece.library()).plan


def pictures(plan):
    events = piece.runtime().run(plan)
    (result,) = (event for event in events if isinstance(event, Result))
    return [np.asarray(picture, dtype=float) for picture in result.pictures]


def test_two_axes_make_every_combination_once():
    sheet = read_sheet([X, Y], workflow(count=4))
    cells = sheet.cells(sheet_plan(sheet))
    assert sorted(cells) == [(x, y) for x in range(3) for y in range(2)]
    assert sheet.values((1, 0)) == (0.5, 6.0)


@pytest.mark.parametrize("axes", [[X], [Y], [X, Y], [Y, X], [X, {**Y, "node": "a"}]])
def test_every_cell_is_the_picture_of_its_own_workflow(axes):
    sheet = read_sheet(axes, workflow())
    plan = sheet_plan(sheet)
    made = pictures(plan)
    assert len(made) == math.prod(axis["count"] for axis in axes)
    for cell, picture in zip(sheet.cells(plan), made, strict=True):
        alone = Piece(sheet.cell(sheet.values(cell)))
        (again,) = pictures(alone.plan())
        assert np.abs(picture - again).max() <= 1
    assert any(np.abs(made[0] - other).max() > 4 for other in made[1:])


def test_faders_within_a_subgraph_are_swept_in_their_place_alone():
    document = json.loads(dump_workflow(workflow()))
    nested = wrapped(wrapped(document, ["a", "b"], "voices"), ["voices"], "choir")
    axes = [{**each, "node": f"choir/voices/{each['node']}"} for each in (X, Y)]
    sheet = read_sheet(axes, Workflow.model_validate(nested))
    plan, flat = sheet_plan(sheet), read_sheet([X, Y], workflow())
    assert plan.key == sheet_plan(flat).key
    assert sheet.cells(plan) == flat.cells(sheet_plan(flat))
    cell = sheet.cell((0.5, 3.0))
    assert cell.find("choir/voices/a").settings["reliability"] == 0.5
    assert set(cell.subgraphs) == {"voices", "choir"}


def test_choices_within_a_subgraph_are_made_in_their_place_alone():
    document = json.loads(dump_workflow(workflow()))
    nested = wrapped(wrapped(document, ["a", "b", "fuse"], "voices"), ["voices"], "choir")
    nested["nodes"].append({"id": "again", "type": "subgraph", "settings": {"of": "voices"}})
    axes = [{**RULES, "node": "choir/voices/fuse"}, {**SOLO, "node": "choir/voices/b"}]
    sheet = read_sheet(axes, Workflow.model_validate(nested))
    cell = sheet.cell(("product", True))
    assert cell.find("choir/voices/fuse").settings["rule"]["name"] == "product"
    assert cell.find("choir/voices/b").settings["solo"] is True
    assert cell.find("again/fuse").settings == {"rule": {"name": "mean"}}
    assert cell.find("again/b").settings == {"mean": -0.6}


def test_a_fader_that_is_not_heard_is_no_axis():
    document = json.loads(dump_workflow(workflow()))
    document["nodes"].append({**document["nodes"][0], "id": "idle"})
    document["nodes"][0]["bypass"] = True
    for name in ("a", "idle"):
        sheet = read_sheet([{**X, "node": name}], Workflow.model_validate(document))
        with pytest.raises(ChoraleError, match=f"S015 '{name}' is no part of what is sampled"):
            sheet.cells(sheet_plan(sheet))


def test_a_sweep_within_a_subgraph_is_a_sweep_too():
    document = json.loads(dump_workflow(workflow()))
    document["nodes"].append({"id": "amount", "type": "sweep"})
    document["wires"].append({"from": "amount.reliability", "to": "a.reliability"})
    nested = wrapped(document, ["amount"], "voices")
    with pytest.raises(ChoraleError, match="S016") as caught:
        read_sheet([X], Workflow.model_validate(nested))
    assert caught.value.diagnostics[0].node == "voices/amount"
    nested["subgraphs"]["voices"]["nodes"][0]["bypass"] = True
    assert read_sheet([X], Workflow.model_validate(nested)).axes


def test_the_swept_faders_are_no_part_of_a_cells_performance():
    sheet = read_sheet([X], workflow())
    played = Performance(((0, "a.reliability", 1.0), (0, "b.reliability", 0.5)))
    assert sheet.performance(played).moves == ((0, "b.reliability", 0.5),)


def test_names_that_are_taken_are_not_taken_again():
    document = copy.deepcopy(TWO)
    document["nodes"].append({"id": "axis0", "type": "gaussian_expert"})
    sheet = read_sheet([X, Y], Workflow.model_validate(document))
    ids = [node.id for node in sheet.played().nodes]
    assert len(ids) == len(set(ids))


RULES = {"node": "fuse", "setting": "rule", "choices": ["mean", "product", "perp_neg"]}
SOLO = {"node": "a", "setting": "solo", "choices": [False, True]}
MODELS = {"node": "t", "setting": "model", "choices": ["playground/text", "playground/joint"]}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ([], "one or two axes"),
        ("reliability", "one or two axes"),
        ([X, Y, X], "one or two axes"),
        ([7], "no number and no choice 'None.None'"),
        ([{**X, "node": "nobody"}], "no choice 'nobody.reliability'"),
        ([{**X, "node": "n" * 10**6}], "nnn…'"),
        ([{**X, "setting": "shape"}], "no choice 'a.shape'"),
        ([{**X, "setting": "__class__"}], "no choice 'a.__class__'"),
        ([{**X, "setting": "mean.real"}], "no choice 'a.mean.real'"),
        ([{**X, "node": "fuse", "setting": "rule.name"}], "no choice 'fuse.rule.name'"),
        ([{**X, "node": "sampler", "setting": "count"}], "no choice 'sampler.count'"),
        ([{**X, "node": "wrong", "setting": "mean"}], "while other settings there are wrong"),
        ([{**X, "node": "sampler", "setting": "steps", "stop": 9, "count": 12}], "whole numbers"),
        ([{**X, "stop": 10**400}], "two different numbers"),
        ([{**X, "count": 1}], "2 to 25"),
        ([{**X, "count": 10**9}], "2 to 25"),
        ([{**X, "count": "9"}], "2 to 25"),
        ([{**X, "stop": 0.0}], "two different numbers"),
        ([{**X, "stop": math.inf}], "two different numbers"),
        ([{**X, "start": None}], "two different numbers"),
        ([{**X, "choices": [0.0, 1.0], "count": None}], "take nothing values"),
        ([X, X], "'a.reliability' cannot be swept across 'a.reliability'"),
        ([{**X, "count": 25}, {**Y, "count": 25}], f"at most {MAX_CELLS}"),
        ([{**RULES, "choices": None}], "list of 2 to 25 of: conflict_averse, mean, perp_neg"),
        ([{**RULES, "choices": "mean"}], "is to take 'mean'"),
        ([{**RULES, "choices": {"mean": 1, "product": 2}}], "is to take an object"),
        ([{**RULES, "choices": ["mean"]}], "is to take a list of 1; expected a list of 2 to 25"),
        ([{**RULES, "choices": ["mean"] * 26}], "is to take a list of 26"),
        ([{**RULES, "choices": ["mean", "prodct"]}], "'prodct'; expected one of: conflict_averse"),
        ([{**RULES, "choices": ["mean", "prodct"]}], "Did you mean 'product'?"),
        ([{**RULES, "choices": ["mean", "x" * 10**5]}], f"'{'x' * 56}…'"),
        ([{**RULES, "choices": ["mean", 3]}], "'fuse.rule' cannot be 3"),
        ([{**RULES, "choices": ["mean", ["product"]]}], "'fuse.rule' cannot be a list of 1"),
        ([{**RULES, "choices": ["mean", {"name": "product"}]}], "cannot be an object"),
        ([{**RULES, "choices": ["mean", "product", "mean"]}], "to be 'mean' twice"),
        ([{**SOLO, "choices": [0, 1]}], "'a.solo' cannot be 0; expected one of: false, true"),
        ([{**SOLO, "choices": [True, True]}], "'a.solo' is to be true twice"),
        ([{**MODELS, "choices": [None, "playground/text"]}], "names that the library knows"),
        ([{**MODELS, "choices": ["playground/text", "\ud800"]}], "'t.model' cannot be"),
        ([{**MODELS, "choices": ["playground/text", "x" * 201]}], "'t.model' cannot be 'xxx"),
        ([{**SCHEDULES, "node": "fuse"}], "no choice 'fuse.schedule'"),
        ([SCHEDULES, WITHIN], "'sampler.schedule.log_snr_min' cannot be swept across"),
        ([WITHIN, SCHEDULES], "'sampler.schedule.log_snr_min' cannot be swept across"),
    ],
)
def test_what_is_no_sheet_is_refused(asked, said):
    document = json.loads(dump_workflow(workflow()))
    wrong = {"id": "wrong", "type": "gaussian_expert", "settings": {"variance": -1}}
    document["nodes"] += [{"id": "t", "type": "text_expert"}, wrong]
    with pytest.raises(ChoraleError, match="S015") as refused:
        read_sheet(asked, Workflow.model_validate(document))
    assert said in str(refused.value)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("node", "choices"),
    [
        (
            "fuse",
            {
                "mean",
                "product",
                "perp_neg",
                "superdiff_and",
                "superdiff_or",
                "conflict_averse",
                "switch",
            },
        ),
        ("sampler", {"ddim", "dpmpp_2m", "heun", "euler", "euler_maruyama"}),
    ],
)
def test_a_cell_of_a_choice_has_its_defaults_and_what_is_in_use_keeps_its_own(node, choices):
    name = {"fuse": "rule", "sampler": "method"}[node]
    used = {"name": "ddim", "eta": 0.25} if node == "sampler" else {"name": "perp_neg"}
    start = workflow().with_settings(node, **{name: used})
    sheet = read_sheet([{"node": node, "setting": name, "choices": sorted(choices)}], start)
    declared = nodes.catalogue()[start.find(node).type]
    assert not sheet.together
    assert len(sheet.rounds()) == len(choices)
    for (choice,) in sheet.rounds():
        made = sheet.cell((choice,)).find(node).settings[name]
        fresh = getattr(declared.model_validate({name: {"name": choice}}), name)
        assert made == (used if choice == used["name"] else fresh.model_dump(mode="json"))


def test_a_choice_that_the_document_does_not_name_is_in_use_with_its_defaults():
    sheet = read_sheet([{**SCHEDULES, "choices": ["log_snr", "karras"]}], workflow())
    made = sheet.cell(("log_snr",)).find("sampler").settings["schedule"]
    assert made == nodes.catalogue()["sampler"]().schedule.model_dump(mode="json")


@pytest.mark.parametrize(
    ("setting", "values", "kept"),
    [
        ("schedule.spacing", ["leading", "linspace"], {"name": "discrete", "trained_times": 50}),
        ("schedule.skip_last", [True, False], {"name": "discrete", "spacing": "leading"}),
        ("schedule.curve", ["linear", "scaled_linear"], {"name": "discrete"}),
    ],
)
def test_words_and_switches_within_what_is_chosen_are_choices_too(setting, values, kept):
    start = workflow().with_settings("sampler", schedule=kept)
    sheet = read_sheet([{"node": "sampler", "setting": setting, "choices": values}], start)
    for value in values:
        made = sheet.cell((value,)).find("sampler").settings["schedule"]
        assert made == {**kept, setting.partition(".")[2]: value}


def test_a_range_beyond_the_fader_is_wrong_in_a_corner():
    sheet = read_sheet([{**X, "stop": 9.0}], workflow())
    found = [
        each.code
        for corner in sheet.corners()
        for each in compile_workflow(
            sheet.cell(corner), nodes.catalogue(), piece.library()
        ).diagnostics
    ]
    assert "S006" in found


def test_a_workflow_that_sweeps_by_itself_is_refused():
    document = copy.deepcopy(TWO)
    document["nodes"].append({"id": "s", "type": "sweep"})
    with pytest.raises(ChoraleError, match="S016"):
        read_sheet([X], Workflow.model_validate(document))
