"""The axes of a sweep sheet: one number setting of one node, over a range."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from graph.drawing import NodeId, WorkflowNode
from graph.errors import ChoraleError, Diagnostic
from graph.node import Node
from graph.workflow import Workflow
from nodes import catalogue

FADERS = ("reliability", "guidance")
"""Settings of an expert whose product is its weight; a sweep node is a factor of that."""
NEVER = frozenset({("sampler", "count")})
"""Numbers that say nothing of one picture: a cell has one."""
MAX_VALUES = 25


@dataclass(frozen=True, slots=True)
class Axis:
    """One number of one node with its values, first to last.

    `setting` is the name of a setting, or `setting.field` where that is a choice with fields of its
    own. The weights of a `fader` can be swept within one batch.
    """

    node: NodeId
    setting: str
    values: tuple[float, ...]
    fader: bool

    @property
    def control(self) -> str:
        """The setting's address."""
        return f"{self.node}.{self.setting}"

    @property
    def full(self) -> float:
        """Where a fader stands while factors below one sweep it; they go to 4 and it may not."""
        return max(map(abs, self.values))

    def set(self, workflow: Workflow, value: float) -> Workflow:
        """The workflow with the setting at a value."""
        name, _, field = self.setting.partition(".")
        if not field:
            return workflow.with_settings(self.node, **{name: value})
        node = workflow.find(self.node)
        assert node is not None
        chosen = cast("BaseModel", getattr(_parsed(node, self.control), name))
        return workflow.with_settings(self.node, **{name: {**chosen.model_dump(), field: value}})


def read_axis(asked: Any, workflow: Workflow) -> Axis:
    """The axis that a page asks for: {node, setting, start, stop, count}. ChoraleError S015."""
    read: Mapping[str, Any] = cast("dict[str, Any]", asked) if isinstance(asked, dict) else {}
    name, setting, count = read.get("node"), read.get("setting"), read.get("count")
    control = f"{name}.{setting}"
    node = workflow.find(name) if isinstance(name, str) else None
    kind = _kind(node, setting, control) if node and isinstance(setting, str) else None
    if node is None or kind is None:
        raise refused(f"There is no number '{control}' to sweep.")
    if not isinstance(count, int) or not 2 <= count <= MAX_VALUES:
        raise refused(f"'{control}' is to take {count!r} values; expected 2 to {MAX_VALUES}.")
    ends = (read.get("start"), read.get("stop"))
    numbers = [float(end) for end in ends if isinstance(end, int | float) and _finite(end)]
    if len(numbers) < 2 or numbers[0] == numbers[1]:
        raise refused(f"'{control}' needs two different numbers to go from and to.")
    values = _values(numbers[0], numbers[1], count, whole=kind == "integer")
    if len(set(values)) < count:
        raise refused(
            f"'{control}' takes whole numbers: {count} different ones do not fit between "
            f"{numbers[0]:g} and {numbers[1]:g}."
        )
    declared = catalogue()[node.type]
    weighs = any(port.name == "reliability" for port in declared.inputs)
    return Axis(
        node=str(name), setting=str(setting), values=values, fader=weighs and setting in FADERS
    )


def refused(what: str) -> ChoraleError:
    """S015: no such sheet can be sampled."""
    return ChoraleError(Diagnostic("S015", what, "Choose numbers and ranges on the sweep sheet."))


def _values(start: float, stop: float, count: int, *, whole: bool) -> tuple[float, ...]:
    step = (stop - start) / (count - 1)
    spread = (start + step * index for index in range(count))
    return tuple(round(value) if whole else round(value, 6) for value in spread)


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


def _kind(node: WorkflowNode, setting: str, control: str) -> str | None:
    """'number' or 'integer' for a number setting of a node, else None."""
    declared = catalogue().get(node.type)
    name, dot, field = setting.partition(".")
    if declared is None or (node.type, name) in NEVER or name not in declared.model_fields:
        return None
    if not dot:
        return _number(declared, name)
    chosen = getattr(_parsed(node, control), name)
    return _number(type(chosen), field) if isinstance(chosen, BaseModel) else None


def _number(holder: type[BaseModel], name: str) -> str | None:
    found = holder.model_json_schema(by_alias=True).get("properties", {}).get(name, {})
    kinds = {found.get("type"), *(each.get("type") for each in found.get("anyOf", ()))}
    return next((kind for kind in ("integer", "number") if kind in kinds), None)


def _parsed(node: WorkflowNode, control: str) -> Node:
    try:
        return catalogue()[node.type].model_validate(node.settings)
    except ValidationError:
        raise refused(
            f"'{control}' cannot be swept while other settings there are wrong."
        ) from None
