"""Addresses: settings of nodes in subgraphs are changed in the place that is meant, alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from graph.workflow import Workflow, dump_workflow, read_workflow
from tests.graph.validate.nested_cases import drawing, node

INNER = drawing([node("text", "text", settings={"text": "old"})])
MIDDLE = drawing([node("one", "subgraph", of="inner"), node("two", "subgraph", of="inner")])


def workflow(*instances: str, **more: dict[str, Any]) -> Workflow:
    nodes = [node(name, "subgraph", of=of) for name, of in (each.split(":") for each in instances)]
    subgraphs = {"inner": INNER, "middle": MIDDLE, **more}
    return read_workflow(json.dumps(drawing(nodes, subgraphs=subgraphs)))


def texts(workflow: Workflow, *addresses: str) -> list[object]:
    found = [workflow.find(address) for address in addresses]
    return [node.settings["text"] if node else None for node in found]


def test_a_node_is_found_by_the_way_to_it() -> None:
    found = workflow("a:middle")
    assert texts(found, "a/one/text", "a/two/text") == ["old", "old"]
    for address in ("", "a/three/text", "a/one", "text", "a/one/text/more", "/", "a//one"):
        node = found.find(address)
        assert node is None or node.type == "subgraph"


def test_a_subgraph_that_stands_once_is_changed_itself() -> None:
    before = workflow("a:inner", middle=drawing([]))
    after = before.with_settings("a/text", text="new")
    assert texts(after, "a/text") == ["new"]
    assert set(after.subgraphs) == {"inner", "middle"}
    assert texts(before, "a/text") == ["old"]


def test_one_that_stands_elsewhere_is_copied() -> None:
    after = workflow("a:inner", "b:inner").with_settings("b/text", text="new")
    assert texts(after, "a/text", "b/text") == ["old", "new"]
    assert read_workflow(dump_workflow(after)) == after


@pytest.mark.parametrize("changed", ["a/one/text", "a/two/text", "b/one/text", "b/two/text"])
def test_and_so_is_what_lies_around_it(changed: str) -> None:
    after = workflow("a:middle", "b:middle").with_settings(changed, text="new")
    every = ["a/one/text", "a/two/text", "b/one/text", "b/two/text"]
    assert texts(after, *every) == ["new" if each == changed else "old" for each in every]


def test_every_place_can_have_its_own() -> None:
    every = ["a/one/text", "a/two/text", "b/one/text", "b/two/text", "c/text"]
    found = workflow("a:middle", "b:middle", "c:inner")
    for address in every:
        found = found.with_settings(address, text=address)
    assert texts(found, *every) == every


@pytest.mark.parametrize("address", ["nobody/text", "a/nobody", "/".join(["a"] * 3_000), ""])
def test_an_address_that_leads_nowhere_changes_nothing(address: str) -> None:
    before = workflow("a:again", again=drawing([node("a", "subgraph", of="again")]))
    assert before.with_settings(address, text="new") is before
