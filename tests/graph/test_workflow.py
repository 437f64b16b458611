"""The document: strict reading, migrations, and placeholders that survive a save."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graph.compile import compile_workflow
from graph.drawing import MAX_NODES, MAX_WIRES
from graph.errors import ChoraleError
from graph.jsontext import MAX_DEPTH
from graph.library import Library
from graph.migrations import MIGRATIONS
from graph.workflow import (
    MAX_ASSETS,
    MAX_BYTES,
    MAX_SUBGRAPHS,
    MAX_VIEW_BYTES,
    VERSION,
    dump_workflow,
    json_schema,
    read_workflow,
)
from nodes import catalogue

ROOT = Path(__file__).parents[2]
OLD = Path(__file__).parent / "old"
EXAMPLES = sorted((ROOT / "assets" / "workflows").glob("*.json"))


def refusal(source: bytes | str | Path) -> str:
    with pytest.raises(ChoraleError) as caught:
        read_workflow(source)
    return str(caught.value)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_save_changes_nothing(path: Path) -> None:
    content = json.loads(path.read_text())
    assert json.loads(dump_workflow(read_workflow(path))) == content


NEWER: dict[str, Any] = {
    "chorale": 7,
    "title": "From the future",
    "nodes": [
        {
            "id": "a",
            "type": "telepathy",
            "version": 3,
            "settings": {"to": [1, 2.5, None]},
            "mood": {},
        },
        {"id": "b", "type": "text", "settings": {"text": "é𝄞", "tone": "warm"}, "at": [1, 2]},
    ],
    "wires": [{"from": "a.thought", "to": "b.text", "strength": 0.1}],
    "groups": [{"title": "one"}],
    "view": {"b": {"x": 1e-9, "y": 12345678901234567890}},
}


def test_what_this_version_does_not_know_survives_a_save() -> None:
    text = dump_workflow(read_workflow(json.dumps(NEWER)))
    assert json.loads(text) == NEWER
    assert dump_workflow(read_workflow(text)) == text


def test_a_newer_document_is_opened_with_a_warning(tmp_path: Path) -> None:
    library = Library(tmp_path, tmp_path)
    found = compile_workflow(read_workflow(json.dumps(NEWER)), catalogue(), library).diagnostics
    assert ("W007", "warning") in {(each.code, each.severity) for each in found}


def test_an_old_file_is_brought_forward() -> None:
    workflow = read_workflow(OLD / "version-0.json")
    assert workflow.chorale == VERSION
    assert [(node.id, node.type) for node in workflow.nodes] == [
        ("words", "text"),
        ("expert", "text_expert"),
        ("picture", "picture"),
    ]
    assert [(wire.origin, wire.target) for wire in workflow.wires] == [
        ("words.text", "expert.text"),
        ("expert.score", "picture.score"),
    ]
    assert json.loads(dump_workflow(workflow))["author"] == "kept"


def test_every_old_version_has_a_migration() -> None:
    assert set(MIGRATIONS) == set(range(VERSION))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "W001 The text is no JSON at line 1, column 1"),
        ('{"nodes": [}', "W001 The text is no JSON at line 1, column 12"),
        ('{"a": NaN}', "W001 The text holds a number that cannot be read: NaN"),
        ('{"a": -Infinity}', "W001"),
        ('{"a": 1e999}', "W001 The text holds a number that cannot be read: 1e999"),
        ("1" * 5000, "W001"),
        ('{"a": "\\ud800"}', "W001 The text holds half a character"),
        ('{"\\udfff": 1}', "W001 The text holds half a character"),
        (b"\xff\xfe{}", "W001 The text is no UTF-8 at byte 0"),
        ("[]", "W002 A workflow is an object, got a list of 0."),
        ('{"nodes": 5}', "W002 'nodes' expected a list, got 5."),
        ('{"chorale": true}', "W002 'chorale' expected the version"),
        ('{"chorale": -1}', "W002"),
        (
            '{"nodes": [{"id": "9", "type": "text"}]}',
            "W002 'nodes[0].id' expected a letter, then up to 63",
        ),
        ('{"nodes": [{"type": "text"}]}', "W002 'nodes[0].id' is missing."),
        (
            '{"wires": [{"from": "a", "to": "b.c"}]}',
            "W002 'wires[0].from' expected node.port, got 'a'",
        ),
        ('{"wires": [{"from": "a.b.c", "to": "b.c"}]}', "W002"),
        ('{"chorale": 0, "nodes": []}', "W002 A document of version 0"),
        ('{"chorale": 0, "wires": [["a", "b"]]}', "W002 A wire of version 0 has four parts"),
        ("[" * 100_000, "W006"),
        (
            "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
            "W006 The document is nested deeper than 32",
        ),
        (b" " * (MAX_BYTES + 1), "W003 The text has 16777217 bytes"),
    ],
    ids=range(22),
)
def test_each_fault_of_the_text_has_its_message(text: str | bytes, expected: str) -> None:
    found = refusal(text)
    assert found.startswith(expected)
    assert "Traceback" not in found
    assert "pydantic" not in found


def test_counts_are_limited() -> None:
    node = {"id": "a", "type": "text"}
    wire = {"from": "a.b", "to": "c.d"}
    assert refusal(json.dumps({"nodes": [node] * (MAX_NODES + 1)})).startswith("W004")
    assert refusal(json.dumps({"wires": [wire] * (MAX_WIRES + 1)})).startswith("W005")
    assert refusal(json.dumps({"assets": {str(i): "" for i in range(MAX_ASSETS + 1)}})).startswith(
        "W008"
    )


def test_so_are_those_of_all_drawings_together() -> None:
    nodes = [{"id": "a", "type": "text"}] * (MAX_NODES // 2 + 1)
    wires = [{"from": "a.b", "to": "c.d"}] * (MAX_WIRES // 2 + 1)
    for code, part in (("W004", {"nodes": nodes}), ("W005", {"wires": wires})):
        assert read_workflow(json.dumps({"subgraphs": {"one": part}}))
        found = refusal(json.dumps({"subgraphs": {"one": part}, **part}))
        assert found.startswith(f"{code} The workflow has")
    many = {"subgraphs": {str(i): {} for i in range(MAX_SUBGRAPHS + 1)}}
    assert refusal(json.dumps(many)).startswith("W013 The workflow has 101 subgraphs; expected")
    long = {"subgraphs": {"one": {"nodes": nodes * 2}}}
    assert refusal(json.dumps(long)).startswith("W004 The workflow has 2002 nodes")


def test_what_the_page_keeps_is_limited_and_never_read() -> None:
    view = {"places": {"a": [1, 2.5]}, "collapsed": ["a"], "groups": "none", "notes": {"b": None}}
    content = {"chorale": 1, "view": view, "subgraphs": {"one": {"view": view}}}
    assert json.loads(dump_workflow(read_workflow(json.dumps(content)))) == content
    half = {"notes": [{"text": "é" * (MAX_VIEW_BYTES // 4)}]}
    assert read_workflow(json.dumps({"view": half}))
    found = refusal(json.dumps({"view": half, "subgraphs": {"one": {"view": half}}}))
    assert found.startswith("W014 The workflow has 10486")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"nodes": [{"id": "a", "type": "b", "bypass": "yes"}]}, "'nodes[0].bypass' expected true"),
        ({"subgraphs": []}, "'subgraphs' expected an object, got a list of 0."),
        ({"subgraphs": {"": {}}}, "'subgraphs..[key]' expected at least 1 character"),
        (
            {"subgraphs": {"a": {"inputs": [{"name": "x"}]}}},
            "'subgraphs.a.inputs[0].to' is missing",
        ),
        (
            {"subgraphs": {"a": {"outputs": [{"name": "x.y", "from": "a.b"}]}}},
            "'subgraphs.a.outputs[0].name' expected up to 64 characters without a dot, got 'x.y'.",
        ),
        ({"subgraphs": {"x" * 5_000: {}}}, f"'subgraphs.{'x' * 60}.[key]' expected at most 200"),
    ],
)
def test_each_fault_of_a_subgraph_has_its_message(content: Any, expected: str) -> None:
    assert refusal(json.dumps(content)).startswith(f"W002 {expected}")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.json").startswith("W009 'none.json' cannot be read: No such")
    assert refusal(tmp_path).startswith("W009")
    large = tmp_path / "large.json"
    large.write_bytes(b" " * (MAX_BYTES + 1))
    assert refusal(large).startswith("W003 'large.json' is larger than 16 MB")


def test_the_schema_in_the_documents_is_the_one_of_the_code() -> None:
    assert json.loads((ROOT / "docs" / "workflow.schema.json").read_text()) == json_schema()
