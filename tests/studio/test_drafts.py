"""Drafts: a page's changes give its document, whatever else is sent to them."""

import json
from pathlib import Path

import pytest

from studio.drafts import MAX_DRAFTS, Drafts, patched
from studio.session import Session

EXAMPLE = Path(__file__).resolve().parents[2] / "assets" / "workflows" / "text-mask.json"
PAGE = "0123456789abcdef" * 2
DOCUMENT = {"nodes": [{"id": "a", "settings": {"x": 1}}, {"id": "b"}], "view": {"k": 1}}


def test_changes_are_made_in_a_copy():
    patch = [
        ["set", ["nodes", 0, "settings", "x"], 2],
        ["cut", ["view", "k"]],
        ["splice", ["nodes"], 1, 1, [{"id": "c"}, {"id": "d"}]],
        ["set", ["title"], "New"],
    ]
    before = json.dumps(DOCUMENT)
    assert patched(DOCUMENT, patch) == {
        "nodes": [{"id": "a", "settings": {"x": 2}}, {"id": "c"}, {"id": "d"}],
        "view": {},
        "title": "New",
    }
    assert json.dumps(DOCUMENT) == before
    assert patched(DOCUMENT, [["set", [], 7]]) == 7


@pytest.mark.parametrize(
    "patch",
    [
        None,
        {"set": 1},
        [None],
        [["set"]],
        [["set", ["nodes", 5], 1]],
        [["set", ["nodes", -1], 1]],
        [["set", ["nodes", True], 1]],
        [["set", ["nodes", "a"], 1]],
        [["set", ["missing", "deep"], 1]],
        [["set", ["view", "k", "deep"], 1]],
        [["set", [{}], 1]],
        [["cut", []]],
        [["cut", ["missing"]]],
        [["splice", ["view"], 0, 0, []]],
        [["splice", ["nodes"], -1, 0, []]],
        [["splice", ["nodes"], 0, -1, []]],
        [["set", ["a"] * 65, 1]],
        [["set", ["title"], 1]] * 10_001,
    ],
)
def test_a_change_that_does_not_fit_is_refused(patch):
    with pytest.raises(ValueError, match=r"^(a patch|no change|only lists|the path)"):
        patched(DOCUMENT, patch)


def test_a_page_sends_its_document_once_and_then_changes():
    drafts = Drafts()
    assert drafts.take({"page": PAGE, "workflow": DOCUMENT}) == (1, DOCUMENT)
    taken = drafts.take({"page": PAGE, "number": 1, "patch": [["set", ["t"], "x"]]})
    assert taken == (2, {**DOCUMENT, "t": "x"})
    assert drafts.take({"page": PAGE, "number": 1, "patch": []}) is None
    assert drafts.take({"page": "f" * 32, "number": 2, "patch": []}) is None
    assert drafts.take({"page": [], "number": 2, "patch": []}) is None
    assert drafts.take({"page": "short", "workflow": DOCUMENT}) == (0, DOCUMENT)
    for number in range(MAX_DRAFTS):
        drafts.take({"page": f"{number:032x}", "workflow": DOCUMENT})
    assert drafts.take({"page": PAGE, "number": 2, "patch": []}) is None


def test_a_session_says_the_same_of_a_change_as_of_the_whole():
    session = Session()
    workflow = json.loads(EXAMPLE.read_text())
    first = session.check({"page": PAGE, "workflow": workflow})
    assert first["number"] == 1
    wrong = {**workflow, "wires": workflow["wires"][1:]}
    change = ["splice", ["wires"], 0, 1, []]
    told = session.check({"page": PAGE, "number": 1, "patch": [change]})
    assert told["number"] == 2
    assert told["diagnostics"]
    assert told["diagnostics"] == session.check({"workflow": wrong})["diagnostics"]
    assert session.check({"page": PAGE, "number": 7, "patch": []}) == {"again": True}
