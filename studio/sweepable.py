"""What a sweep sheet can vary of a node: its numbers, and what its settings choose among."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel, JsonValue

from graph.drawing import WorkflowNode
from graph.node import Node
from nodes import catalogue

AxisValue = float | str | bool
"""What an axis takes: a number, the name of what is chosen, or a switch off and on."""

NEVER = frozenset({("sampler", "count")})
"""Numbers that say nothing of one picture: a cell has one."""
NAMED = frozenset({"class", "model"})
"""Widgets of settings that name what a model knows, or a model: the cells' check knows which."""
MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class Number:
    """A number setting; `whole` where it takes whole numbers alone."""

    whole: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """A setting that is one of its `options`; without any it is a name, known to the library."""

    options: tuple[str | bool, ...] = ()

    def has(self, value: object) -> bool:
        """Whether a value, of whatever type it came in, is one that the setting takes."""
        if not self.options:
            return isinstance(value, str) and len(value) <= MAX_NAME and value.isprintable()
        return any(type(value) is type(each) and value == each for each in self.options)


def variable(node: WorkflowNode, setting: str) -> Number | Choice | None:
    """What there is to vary at a setting, or at a field `setting.field` of what it chooses.

    None where that is neither number nor choice; ValidationError where the node's settings are
    wrong.
    """
    declared = catalogue().get(node.type)
    name, dot, field = setting.partition(".")
    if declared is None or (node.type, name) in NEVER or name not in declared.model_fields:
        return None
    chosen = getattr(declared.model_validate(node.settings), name)
    if not dot:
        return _variable(declared, name)
    return _variable(type(chosen), field) if isinstance(chosen, BaseModel) else None


def varied(node: WorkflowNode, setting: str, value: AxisValue) -> Mapping[str, JsonValue]:
    """The node's setting with a value that it can take, all else within it as it was.

    What is chosen anew comes with its defaults; what is in use keeps the fields that it has.
    """
    declared = catalogue()[node.type]
    name, _, field = setting.partition(".")
    held = node.settings.get(name, declared().model_dump(mode="json")[name])
    if not isinstance(held, dict):
        return {name: value}
    if field:
        return {name: {**held, field: value}}
    return {name: held if held.get("name") == value else _fresh(declared, name, value)}


def spoken(value: AxisValue) -> str:
    """A value as a person reads it: `perp_neg` is 'perp neg', a switch is 'off' or 'on'."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str):
        return value.replace("_", " ")
    return str(value) if isinstance(value, int) else format(value, "g")


def _variable(holder: type[BaseModel], name: str) -> Number | Choice | None:
    """What its JSON Schema says of a field, as the page reads it too."""
    found = holder.model_json_schema(by_alias=True).get("properties", {}).get(name, {})
    kinds = {found.get("type"), *(each.get("type") for each in found.get("anyOf", ()))}
    if found.get("widget") in NAMED:
        return Choice()
    if "discriminator" in found:
        return Choice(tuple(found["discriminator"]["mapping"]))
    if "enum" in found:
        return Choice(tuple(found["enum"]))
    if "boolean" in kinds:
        return Choice((False, True))
    whole = "integer" in kinds
    return Number(whole) if whole or "number" in kinds else None


def _fresh(declared: type[Node], name: str, value: AxisValue) -> JsonValue:
    chosen = getattr(declared.model_validate({name: {"name": value}}), name)
    return cast("dict[str, Any]", chosen.model_dump(mode="json"))
