"""What people wire: one small file per family of nodes, discovered by folder."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeGuard

from graph.node import Node
from graph.ports import Port


@cache
def catalogue() -> Mapping[str, type[Node]]:
    """Every node type by its word in workflow files: the concrete nodes of this folder's files."""
    found: dict[str, type[Node]] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        for value in vars(module).values():
            if _is_node(value) and value.__module__ == module.__name__:
                found[value.type] = value
    return dict(sorted(found.items()))


def catalogue_json() -> dict[str, dict[str, Any]]:
    """The catalogue as the page reads it: forms come from the settings' JSON Schema.

    A setting that says `after` another stands behind it. A port of the kind "any" takes
    the kind of what is wired to it. Where `ports` is "definition" instead of "fixed", the ports are
    the inputs and outputs of the subgraph that the node names.
    """
    return {
        node.type: {
            "type": node.type,
            "version": node.version,
            "label": node.label,
            "family": node.family,
            "help": inspect.cleandoc(node.__doc__ or ""),
            "synonyms": list(node.synonyms),
            "inputs": [_port(port) for port in node.inputs],
            "outputs": [_port(port) for port in node.outputs],
            "ports": node.ports,
            "schema": _form(node),
            "defaults": node().model_dump(mode="json"),
        }
        for node in catalogue().values()
    }


def _is_node(value: object) -> TypeGuard[type[Node]]:
    """Whether this is a node that can be wired: bases of families have no type of their own."""
    return inspect.isclass(value) and issubclass(value, Node) and "type" in vars(value)


def _form(node: type[Node]) -> dict[str, Any]:
    """The JSON Schema of a node's settings, in the order of the form."""
    schema = node.model_json_schema()
    settings: dict[str, Any] = schema["properties"]
    behind = {name: each["after"] for name, each in settings.items() if "after" in each}
    order = [name for name in settings if name not in behind]
    for name, other in behind.items():
        order.insert(order.index(other) + 1, name)
    return {**schema, "properties": {name: settings[name] for name in order}}


def _port(port: Port) -> dict[str, Any]:
    return {
        "name": port.name,
        "kind": port.kind.value,
        "help": port.help,
        "required": port.required,
        "many": port.many,
    }
