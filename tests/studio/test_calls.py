"""A call from outside: what it returns, and what it says when it cannot."""

import json
import math

import numpy as np
import pytest
from PIL import Image

from graph.errors import ChoraleError
from studio.calls import Call, answer
from studio.piece import load
from tests.studio.documents import TWO


def answered(folder, **call):
    return list(answer(Call(**{"workflow": TWO, **call}), folder))


def pixels(path):
    return np.asarray(Image.open(path))


def test_a_call_counts_its_steps_and_ends_with_pictures_and_record(tmp_path):
    *steps, (paths, told) = answered(tmp_path, count=2, seed=9)
    assert [each["step"] for _, each in steps] == [1, 2, 3, 4]
    assert all(files == [] for files, _ in steps)
    assert len(paths) == 2
    assert told["seed"] == 9
    assert [0, "a.reliability", 1.0] in told["performance"]
    assert json.loads(json.dumps(told)) == told


def test_what_a_call_changes_is_in_its_picture(tmp_path):
    (path,), _ = answered(tmp_path, settings={"a.mean": 0.1, "sampler.steps": 3}, seed=4)[-1]
    made = {node.id: node.settings for node in load(path).workflow.nodes}
    assert made["a"]["mean"] == 0.1
    assert made["sampler"] == {"steps": 3, "seed": 4}


def test_a_performance_that_was_returned_plays_again(tmp_path):
    moves = [[0, "a.reliability", 1.0], [2, "a.reliability", 0.0]]
    (moved,), told = answered(tmp_path, performance=moves)[-1]
    (again,), _ = answered(tmp_path, performance=told["performance"])[-1]
    (plain,), _ = answered(tmp_path)[-1]
    assert np.array_equal(pixels(moved), pixels(again))
    assert not np.array_equal(pixels(moved), pixels(plain))


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ({"workflow": None}, "W002"),
        ({"workflow": [1]}, "W002"),
        ({"workflow": {"chorale": 1, "nodes": 7}}, "W002"),
        ({"workflow": {"chorale": 1, "nodes": []}}, "G009"),
        ({"workflow": {**TWO, "assets": {"x": "?"}}}, "A008"),
        ({"settings": [1]}, "S017"),
        ({"settings": {str(number): 1 for number in range(1001)}}, "S017"),
        ({"settings": {"nobody.mean": 1}}, "S010"),
        ({"settings": {"a": 1}}, "S010"),
        ({"settings": {"a.colour": 1}}, "S004"),
        ({"settings": {"a.reliability": 99}}, "S006"),
        ({"settings": {"a.mean": math.nan}}, "S007"),
        ({"settings": {"__class__.x": 1}}, "S010"),
        ({"seed": -1}, "S006"),
        ({"seed": "seven"}, "S005"),
        ({"count": 10**6}, "S006"),
        ({"count": 0}, "S006"),
        ({"performance": "loud"}, "W012"),
        ({"performance": [[0, "a.reliability", 99]]}, "R002"),
    ],
)
def test_what_cannot_be_played_is_said(tmp_path, call, code):
    with pytest.raises(ChoraleError) as refused:
        answered(tmp_path, **call)
    assert code in {each.code for each in refused.value.diagnostics}
    assert list(tmp_path.iterdir()) == []
