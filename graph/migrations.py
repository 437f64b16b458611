"""Migrations: documents of older versions, brought forward one version at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from graph.jsontext import refused
from graph.words import shown

Document = dict[str, Any]


def from_0(document: Document) -> Document:
    """Version 0 wrote nodes as an object by id, and wires as [node, output, node, input]."""
    nodes, wires = document.get("nodes", {}), document.get("wires", [])
    if not isinstance(nodes, dict) or not isinstance(wires, list):
        raise refused("W002", "A document of version 0 has an object of nodes and a list of wires.")
    named, drawn = cast("Document", nodes), cast("list[Any]", wires)
    return {
        **document,
        "nodes": [{"id": name, **_object(node)} for name, node in named.items()],
        "wires": [_wire(wire) for wire in drawn],
    }


MIGRATIONS: Mapping[int, Callable[[Document], Document]] = {0: from_0}
"""What brings a document of a version to the next one."""


def migrate(document: Document, version: int) -> Document:
    """The document in form `version`, or as it is when it is of that version or newer."""
    found = document.get("chorale", version)
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise refused("W002", f"'chorale' expected the version of the form, got {shown(found)}.")
    for old in range(found, version):
        document = {**MIGRATIONS[old](document), "chorale": old + 1}
    return document


def _object(node: Any) -> Document:
    if not isinstance(node, dict):
        raise refused("W002", f"A node is an object, got {shown(node)}.")
    return cast("Document", node)


def _wire(wire: Any) -> Document:
    parts = cast("list[Any]", wire) if isinstance(wire, list) else []
    if len(parts) != 4:
        raise refused(
            "W002", f"A wire of version 0 has four parts, got {shown(cast('Any', wire))}."
        )
    source, output, target, port = map(str, parts)
    return {"from": f"{source}.{output}", "to": f"{target}.{port}"}
