"""The axes of a sweep sheet: one setting of one node, over a range or over choices."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from pydantic import ValidationError

from graph.drawing import NodeId
from graph.errors import ChoraleError, Diagnostic
from graph.words import did_you_mean, shown
from graph.workflow import Workflow
from nodes import catalogue
from studio.sweepable import AxisValue, Choice, Number, spoken, variable, varied

FADERS = ("reliability", "guidance")
"""Settings of an expert whose product is its weight; a sweep node is a factor of that."""
MAX_VALUES = 25


@dataclass(frozen=True, slots=True)
class Axis:
    """One setting of one node with its values, first to last.

    `setting` is the name of a setting, or `setting.field` where that is a choice with fields of its
    own. The weights of a `fader` can be swept within one batch.
    """

    node: NodeId
    setting: str
    values: tuple[AxisValue, ...]
    fader: bool

    @property
    def control(self) -> str:
        """The setting's address."""
        return f"{self.node}.{self.setting}"

    @property
    def words(self) -> str:
        """The setting as a person reads it."""
        return spoken(self.setting).replace(".", " ")

    @property
    def numbers(self) -> tuple[float, ...]:
        """The values of a fader, which are numbers."""
        return tuple(value for value in self.values if not isinstance(value, str))

    @property
    def full(self) -> float:
        """Where a fader stands while factors below one sweep it; they go to 4 and it may not."""
        return max(map(abs, self.numbers))

    def set(self, workflow: Workflow, value: AxisValue) -> Workflow:
        """The workflow with the setting at a value."""
        node = workflow.find(self.node)
        assert node is not None, "read_axis has found it"
        return workflow.with_settings(self.node, **varied(node, self.setting, value))


def read_axis(asked: Any, workflow: Workflow) -> Axis:
    """The axis that a page asks for. ChoraleError S015 where it cannot be one.

    {node, setting, start, stop, count} of a number, {node, setting, choices} of a choice.
    """
    read: Mapping[str, Any] = cast("dict[str, Any]", asked) if isinstance(asked, dict) else {}
    name, setting = read.get("node"), read.get("setting")
    at = shown(f"{name}.{setting}")
    node = workflow.find(name) if isinstance(name, str) else None
    try:
        kind = variable(node, setting) if node and isinstance(setting, str) else None
    except ValidationError:
        raise refused(f"{at} cannot be swept while other settings there are wrong.") from None
    if node is None or kind is None:
        raise refused(f"There is no number and no choice {at} to sweep.")
    values = _spread(at, read, kind) if isinstance(kind, Number) else _chosen(at, read, kind)
    declared = catalogue()[node.type]
    weighs = any(port.name == "reliability" for port in declared.inputs)
    return Axis(str(name), str(setting), values, fader=weighs and setting in FADERS)


def refused(what: str, hint: str = "") -> ChoraleError:
    """S015: no such sheet can be sampled."""
    hint = hint or "Choose settings and their values on the sweep sheet."
    return ChoraleError(Diagnostic("S015", what, hint))


def _chosen(at: str, read: Mapping[str, Any], kind: Choice) -> tuple[AxisValue, ...]:
    """The choices that are asked for, each once and known."""
    known = ", ".join(map(_written, kind.options)) or "the names that the library knows"
    asked = read.get("choices")
    chosen = cast("list[Any]", asked) if isinstance(asked, list) else None
    if chosen is None or not 2 <= len(chosen) <= MAX_VALUES:
        raise refused(
            f"{at} is to take {shown(cast('object', asked))}; "
            f"expected a list of 2 to {MAX_VALUES} of: {known}."
        )
    for number, each in enumerate(chosen):
        if not kind.has(each):
            words = (option for option in kind.options if isinstance(option, str))
            meant = did_you_mean(each[:200], words) if isinstance(each, str) else ""
            raise refused(f"{at} cannot be {shown(each)}; expected one of: {known}.", meant)
        if each in chosen[:number]:
            raise refused(f"{at} is to be {shown(each)} twice.")
    return tuple(chosen)


def _written(value: str | bool) -> str:
    return value if isinstance(value, str) else shown(value)


def _spread(at: str, read: Mapping[str, Any], kind: Number) -> tuple[AxisValue, ...]:
    """So many numbers from one end to the other, all different."""
    count = read.get("count")
    if not isinstance(count, int) or not 2 <= count <= MAX_VALUES:
        raise refused(f"{at} is to take {shown(count)} values; expected 2 to {MAX_VALUES}.")
    ends = (read.get("start"), read.get("stop"))
    numbers = [float(end) for end in ends if isinstance(end, int | float) and _finite(end)]
    if len(numbers) < 2 or numbers[0] == numbers[1]:
        raise refused(f"{at} needs two different numbers to go from and to.")
    values = _values(numbers[0], numbers[1], count, whole=kind.whole)
    if len(set(values)) < count:
        raise refused(
            f"{at} takes whole numbers: {count} different ones do not fit between "
            f"{numbers[0]:g} and {numbers[1]:g}."
        )
    return values


def _values(start: float, stop: float, count: int, *, whole: bool) -> tuple[float, ...]:
    step = (stop - start) / (count - 1)
    spread = (start + step * index for index in range(count))
    return tuple(round(value) if whole else round(value, 6) for value in spread)


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False
