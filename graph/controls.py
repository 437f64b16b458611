"""Controls: the mailbox that the page writes and the loop reads once per step."""

from __future__ import annotations

import math
import re
import sys
import threading
from collections.abc import Iterable, Mapping
from typing import TypeGuard, cast

from graph.errors import ChoraleError, Diagnostic
from graph.events import ControlValue, Performance
from graph.plan import Control

SHA256 = re.compile(r"^[0-9a-f]{64}$")
MAX_POINTS = 64


class Controls:
    """The live values of one run, written by any thread, read by the loop.

    Every value that the loop takes is recorded with its step, so that the same performance can be
    played again bit by bit. A `performance` given at the start is replayed: its moves are taken at
    the steps at which they were made.
    """

    def __init__(self, declared: Iterable[Control], performance: Performance | None = None) -> None:
        self._declared = {control.name: control for control in declared}
        self._values: dict[str, ControlValue] = {
            name: accept(control, control.default) for name, control in self._declared.items()
        }
        self._moved = set(self._declared)
        self._record: list[tuple[int, str, ControlValue]] = []
        self._replay: dict[int, list[tuple[str, ControlValue]]] = {}
        self._lock = threading.Lock()
        for step, name, value in performance.moves if performance else ():
            if name in self._declared:
                checked = accept(self._declared[name], value)
                self._replay.setdefault(step, []).append((name, checked))

    def set(self, name: str, value: object) -> ControlValue:
        """Move a control; the loop hears it at its next step. ChoraleError R001 or R002."""
        if name not in self._declared:
            known = ", ".join(sorted(self._declared)) or "none"
            raise ChoraleError(
                Diagnostic("R001", f"This run has no control named '{name}'. It has: {known}.")
            )
        checked = accept(self._declared[name], value)
        with self._lock:
            self._move(name, checked)
        return checked

    def read(self, step: int) -> Mapping[str, ControlValue]:
        """The values for this step; what has moved since the last step is recorded."""
        with self._lock:
            for name, value in self._replay.get(step, ()):
                self._move(name, value)
            for name in sorted(self._moved):
                self._record.append((step, name, self._values[name]))
            self._moved.clear()
            return dict(self._values)

    @property
    def performance(self) -> Performance:
        """What has been played so far."""
        with self._lock:
            return Performance(tuple(self._record))

    def _move(self, name: str, value: ControlValue) -> None:
        if self._values[name] != value:
            self._values[name] = value
            self._moved.add(name)


def accept(control: Control, value: object) -> ControlValue:
    """`value` as the control holds it, or ChoraleError R002 with what was expected."""
    if control.kind == "switch" and isinstance(value, bool):
        return value
    if control.kind == "number" and _is_number(value):
        number = float(value)
        low = -math.inf if control.low is None else control.low
        high = math.inf if control.high is None else control.high
        if low <= number <= high:
            return number
    if control.kind == "map" and isinstance(value, str) and (not value or SHA256.match(value)):
        return value
    if control.kind == "curve":
        points = _points(value)
        if points is not None:
            return points
    raise ChoraleError(
        Diagnostic(
            "R002",
            f"'{control.name}' got {_short(value)}, expected {_expected(control)}.",
            "Move it to a value in that range.",
            node=control.name.partition(".")[0],
        )
    )


def _is_number(value: object) -> TypeGuard[float]:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return abs(value) <= sys.float_info.max


def _points(value: object) -> tuple[tuple[float, float], ...] | None:
    """Points of a curve by falling noise, or None if this is no curve."""
    points: list[tuple[float, float]] = []
    for item in _items(value):
        numbers = [float(part) for part in _items(item) if _is_number(part)]
        if len(numbers) != 2 or len(_items(item)) != 2:
            return None
        noise, height = numbers
        if not 0.0 <= noise <= 1.0 or abs(height) > 1e3:
            return None
        points.append((noise, height))
    if not 1 <= len(points) <= MAX_POINTS:
        return None
    return tuple(sorted(points, reverse=True))


def _items(value: object) -> tuple[object, ...]:
    """The items of a list, none for anything else."""
    return tuple(cast("Iterable[object]", value)) if isinstance(value, list | tuple) else ()


def _expected(control: Control) -> str:
    match control.kind:
        case "number":
            return f"a number from {control.low:g} to {control.high:g}"
        case "switch":
            return "on or off (true or false)"
        case "map":
            return "the sha256 name of a stored picture"
        case "curve":
            return f"1 to {MAX_POINTS} points [noise 0 to 1, value]"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
