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


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ([], "one or two axes"),
        ("reliability", "one or two axes"),
        ([X, Y, X], "one or two axes"),
        ([7], "no number 'None.None'"),
        ([{**X, "node": "nobody"}], "no number 'nobody.reliability'"),
        ([{**X, "setting": "muted"}], "no number 'a.muted'"),
        ([{**X, "setting": "shape"}], "no number 'a.shape'"),
        ([{**X, "setting": "__class__"}], "no number 'a.__class__'"),
        ([{**X, "setting": "mean.real"}], "no number 'a.mean.real'"),
        ([{**X, "node": "fuse", "setting": "rule.name"}], "no number 'fuse.rule.name'"),
        ([{**X, "node": "sampler", "setting": "count"}], "no number 'sampler.count'"),
        ([{**X, "node": "sampler", "setting": "steps", "stop": 9, "count": 12}], "whole numbers"),
        ([{**X, "stop": 10**400}], "two different numbers"),
        ([{**X, "count": 1}], "2 to 25"),
        ([{**X, "count": 10**9}], "2 to 25"),
        ([{**X, "count": "9"}], "2 to 25"),
        ([{**X, "stop": 0.0}], "two different numbers"),
        ([{**X, "stop": math.inf}], "two different numbers"),
        ([{**X, "start": None}], "two different numbers"),
        ([X, X], "the same number"),
        ([{**X, "count": 25}, {**Y, "count": 25}], f"at most {MAX_CELLS}"),
    ],
)
def test_what_is_no_sheet_is_refused(asked, said):
    with pytest.raises(ChoraleError, match="S015") as refused:
        read_sheet(asked, workflow())
    assert said in str(refused.value)


def test_a_range_beyond_the_fader_is_wrong_in_a_corner():
    sheet = read_sheet([{**X, "stop": 9.0}], workflow())
    found = [
        each.code
        for corner in sheet.corners()
        for each in compile_workflow(corner, nodes.catalogue(), piece.library()).diagnostics
    ]
    assert "S006" in found


def test_a_workflow_that_sweeps_by_itself_is_refused():
    document = copy.deepcopy(TWO)
    document["nodes"].append({"id": "s", "type": "sweep"})
    with pytest.raises(ChoraleError, match="S016"):
        read_sheet([X], Workflow.model_validate(document))
