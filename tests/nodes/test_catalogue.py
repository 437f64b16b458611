"""The catalogue: every node explains itself, bounds its settings and stands where it is found."""

from __future__ import annotations

import json
from typing import Any

import pytest

from graph.drawing import STRUCTURE
from graph.node import Live, Node
from graph.ports import Kind
from nodes import catalogue, catalogue_json

TYPES = sorted(catalogue())


def test_the_nodes_of_first_light_are_there() -> None:
    ports = {
        name: (
            [(port.name, port.kind.value) for port in node.inputs],
            [(port.name, port.kind.value) for port in node.outputs],
        )
        for name, node in catalogue().items()
    }
    for kind in ("text", "mask", "sketch", "photo"):
        assert ports[kind] == ([], [(kind, kind)])
        if kind != "photo":
            more = [("adapters", "adapter")] if kind == "text" else []
            heard = [(kind, kind), *more, ("reliability", "reliability")]
            assert ports[f"{kind}_expert"] == (heard, [("score", "score")])
    assert ports["label"] == ([], [("class", "class")])
    assert ports["edges"] == ([("photo", "photo")], [("sketch", "sketch")])
    for kind in ("curve", "map", "sweep"):
        assert ports[kind] == ([], [("reliability", "reliability")])
    assert ports["fuse"] == ([("scores", "score"), ("background", "score")], [("score", "score")])
    assert ports["sampler"] == (
        [("start", "photo"), ("where", "region")],
        [("sampling", "sampling")],
    )
    assert ports["picture"] == ([("score", "score"), ("sampling", "sampling")], [])


@pytest.mark.parametrize("name", TYPES)
def test_a_node_explains_itself(name: str) -> None:
    node = catalogue()[name]
    assert node.type == name
    assert len((node.__doc__ or "").split()) >= 3
    assert node.label
    assert node.family
    assert node.synonyms
    assert all(port.help for port in (*node.inputs, *node.outputs))


def leaves(schema: dict[str, Any], root: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every setting below a schema that is a number, a text or a list."""
    found: list[tuple[str, dict[str, Any]]] = []
    waiting = [("", schema)]
    while waiting:
        name, each = waiting.pop()
        if "$ref" in each:
            each = root["$defs"][each["$ref"].rpartition("/")[2]]
        waiting += [(name, inner) for inner in (*each.get("oneOf", ()), *each.get("anyOf", ()))]
        waiting += [(f"{name}.{key}", inner) for key, inner in each.get("properties", {}).items()]
        waiting += [(f"{name}[]", inner) for inner in each.get("prefixItems", ())]
        if isinstance(each.get("items"), dict):
            waiting.append((f"{name}[]", each["items"]))
        if each.get("type") in ("number", "integer", "string", "array") and "const" not in each:
            found.append((name, each))
    return found


@pytest.mark.parametrize("name", TYPES)
def test_every_setting_is_described_and_bounded(name: str) -> None:
    node = catalogue()[name]
    schema = node.model_json_schema()
    assert all(field.description for field in node.model_fields.values())
    for setting, each in leaves(schema, schema):
        match each["type"]:
            case "number" | "integer":
                assert {"minimum", "exclusiveMinimum"} & each.keys(), setting
                assert {"maximum", "exclusiveMaximum"} & each.keys(), setting
            case "string":
                assert {"maxLength", "pattern", "enum"} & each.keys(), setting
            case _:
                assert "maxItems" in each, setting


@pytest.mark.parametrize("name", TYPES)
def test_the_page_is_told_everything_as_json(name: str) -> None:
    told = json.loads(json.dumps(catalogue_json()))[name]
    node = catalogue()[name]
    assert told["type"] == name
    assert told["defaults"] == json.loads(node().model_dump_json())
    properties = told["schema"].get("properties", {})
    assert set(properties) == set(node.model_fields) == set(told["defaults"])
    for setting, field in node.model_fields.items():
        live = [item for item in field.metadata if isinstance(item, Live)]
        marks = properties[setting].get("live"), properties[setting].get("widget")
        if live:
            assert marks == (live[0].kind, live[0].widget)
        else:
            assert marks[0] is None
        assert properties[setting]["default"] == told["defaults"][setting]


@pytest.mark.parametrize("name", TYPES)
def test_a_default_node_is_what_its_defaults_say(name: str) -> None:
    node = catalogue()[name]
    assert node.model_validate(catalogue_json()[name]["defaults"]) == node()


def test_every_kind_of_port_that_is_taken_is_given() -> None:
    taken = {port.kind for node in catalogue().values() for port in node.inputs}
    given = {port.kind for node in catalogue().values() for port in node.outputs}
    assert taken == given == set(Kind)


def test_structure_says_that_its_ports_depend_on_what_is_drawn() -> None:
    told = catalogue_json()
    assert {name for name, each in told.items() if each["ports"] == "definition"} == {"subgraph"}
    assert (told["subgraph"]["inputs"], told["subgraph"]["outputs"]) == ([], [])
    assert [port["kind"] for side in ("inputs", "outputs") for port in told["reroute"][side]] == [
        "any",
        "any",
    ]
    assert {name for name, each in told.items() if each["family"] == "Structure"} == STRUCTURE


def experts() -> list[type[Node]]:
    return [node for name, node in catalogue().items() if name.endswith("_expert")]


def test_experts_have_the_same_faders() -> None:
    assert len(experts()) == 9
    shared = {"reliability", "guidance", "share", "muted", "solo", "from_noise", "to_noise"}
    assert all(shared <= set(node.model_fields) for node in experts())
    assert {node.model_fields["guidance"].default for node in experts()} == {7.5, 3.0, 1.0}


def test_the_two_guidances_of_an_edit_stand_together() -> None:
    form = catalogue_json()["edit_expert"]["schema"]["properties"]
    assert set(form) == set(catalogue()["edit_expert"].model_fields)
    order = list(form)
    assert order[order.index("guidance") + 1] == "picture_guidance"
    assert order[-1] == "model"
