"""The plan: a compiled workflow as numbered operations; data only, printable and hashable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ControlKind = Literal["number", "switch", "curve", "map"]


@dataclass(frozen=True, slots=True)
class Control:
    """A value that the loop reads afresh at every step, addressed `node.setting`.

    A number lies in [low, high]; a switch is a bool; a curve is a tuple of (noise, value) points;
    a map is the name of a stored picture. It is printed as `@node.setting` and is no part of a key.
    A `derived` one is no setting of its node but worked out from what is wired to it.
    """

    name: str
    kind: ControlKind
    default: Value
    low: float | None = None
    high: float | None = None
    derived: bool = False

    def __str__(self) -> str:
        return f"@{self.name}"


@dataclass(frozen=True, slots=True)
class Asset:
    """A stored file, named by the sha256 of its content."""

    sha256: str

    def __str__(self) -> str:
        return f"sha256:{self.sha256[:8]}…"


@dataclass(frozen=True, slots=True)
class Sweep:
    """One value per sample of the batch."""

    axis: str
    values: tuple[float, ...]

    def __str__(self) -> str:
        return f"sweep({self.axis}: {self.values[0]:g}…{self.values[-1]:g})"


@dataclass(frozen=True, slots=True)
class Envelope:
    """How loud a stored sound is over a run: `low` where it is silent, `high` where it is loudest.

    Loudness is the root mean square over `window` seconds. When the steps of the run are known it
    becomes the curve of the control called `name`.
    """

    name: str
    sound: Asset
    window: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"envelope({self.sound})"


@dataclass(frozen=True, slots=True)
class Condition:
    """What an expert is asked for: its kind (a port kind) and its value, text or asset.

    `steps` names the preparations of a picture before it is encoded, first to last.
    """

    kind: str
    value: str | Asset
    steps: tuple[str, ...] = ()

    def __str__(self) -> str:
        shown = (
            json.dumps(self.value, ensure_ascii=False)
            if isinstance(self.value, str)
            else str(self.value)
        )
        for step in self.steps:
            shown = f"{step}({shown})"
        return shown


Asked = Condition | tuple[Condition, ...] | None
"""What a network is asked for: one thing, several things of different kinds at once, or none."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A fusion rule, sampler or noise schedule by name, with its settings."""

    name: str
    settings: tuple[tuple[str, Value], ...] = ()

    def __str__(self) -> str:
        inside = ", ".join(f"{name}={_shown(value)}" for name, value in self.settings)
        return f"{self.name}({inside})" if inside else self.name


@dataclass(frozen=True, slots=True)
class Ref:
    """The result of an earlier operation, by its number."""

    number: int

    def __str__(self) -> str:
        return f"%{self.number}"


Value = (
    None
    | bool
    | int
    | float
    | str
    | Control
    | Asset
    | Sweep
    | Envelope
    | Condition
    | Choice
    | Ref
    | tuple["Value", ...]
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One line of the plan. `node` says which node asked for it; it is no part of the key."""

    number: int
    op: str
    inputs: tuple[Ref, ...]
    settings: tuple[tuple[str, Value], ...]
    key: str
    node: str

    def __getitem__(self, name: str) -> Value:
        """The setting called `name`; KeyError if there is none."""
        return dict(self.settings)[name]

    def __str__(self) -> str:
        inside = [str(ref) for ref in self.inputs]
        inside += [
            f"{name}={_factors(value) if name == 'weight' else _shown(value)}"
            for name, value in self.settings
        ]
        return f"%{self.number} = {self.op}({', '.join(inside)})"


@dataclass(frozen=True, slots=True)
class Plan:
    """The compiled workflow."""

    operations: tuple[Operation, ...]

    def __str__(self) -> str:
        return "\n".join(str(operation) for operation in self.operations)

    def below(self, root: Operation) -> tuple[Operation, ...]:
        """The operation and all that it is made from, in the plan's order."""
        found = {root.number}
        waiting = [root]
        while waiting:
            for ref in waiting.pop().inputs:
                if ref.number not in found:
                    found.add(ref.number)
                    waiting.append(self.operations[ref.number])
        return tuple(self.operations[number] for number in sorted(found))

    @property
    def key(self) -> str:
        """The Merkle hash of everything that is sampled."""
        roots = [operation.key for operation in self.operations if operation.op == "decode"]
        return _digest("plan", *roots)

    @property
    def controls(self) -> tuple[Control, ...]:
        """Every control that an operation reads, in the plan's order, each once."""
        found: dict[str, Control] = {}
        for operation in self.operations:
            for _, value in operation.settings:
                for control in _controls_in(value):
                    found.setdefault(control.name, control)
        return tuple(found.values())


@dataclass(slots=True)
class PlanBuilder:
    """Collects operations while nodes are lowered; equal operations become one."""

    operations: list[Operation] = field(default_factory=list[Operation])
    _numbers: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])

    def add(self, node: str, op: str, *inputs: Ref, **settings: Value) -> Ref:
        """Append an operation, or find the equal one that the same node already asked for."""
        pairs = tuple(settings.items())
        parents = [self.operations[ref.number].key for ref in inputs]
        key = _digest(op, json.dumps(pairs, default=_canonical), *parents)
        number = self._numbers.setdefault((node, key), len(self.operations))
        if number == len(self.operations):
            self.operations.append(Operation(number, op, inputs, pairs, key, node))
        return Ref(number)

    def build(self) -> Plan:
        """The finished plan."""
        return Plan(tuple(self.operations))


def plan_settings(settings: Mapping[str, object]) -> tuple[tuple[str, Value], ...]:
    """JSON-like settings as hashable plan values."""
    return tuple((name, freeze(value)) for name, value in settings.items())


def freeze(value: object) -> Value:
    """A JSON-like value with its lists as tuples; TypeError for anything else."""
    if isinstance(value, list | tuple):
        return tuple(freeze(item) for item in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if value is None or isinstance(value, bool | int | float | str | Asset | Control):
        return value
    raise TypeError(f"a plan holds data only, got {type(value).__name__}")


def _digest(*parts: str) -> str:
    """sha256 over length-prefixed parts, so that no two lists of parts collide."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode()
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()


def _canonical(value: object) -> object:
    """A JSON form of what JSON cannot hold; a control lacks name and value, which are live."""
    match value:
        case Control():
            return {"control": [value.kind, value.low, value.high]}
        case Asset():
            return {"asset": value.sha256}
        case Sweep():
            return {"sweep": value.values}
        case Envelope():
            return {"envelope": [value.sound, value.window, value.low, value.high]}
        case Condition():
            return {"condition": [value.kind, value.value, value.steps]}
        case Choice():
            return {"choice": [value.name, value.settings]}
        case _:
            raise TypeError(f"a key is made of data; {type(value).__name__} belongs to the inputs")


def _controls_in(value: Value) -> tuple[Control, ...]:
    if isinstance(value, Control):
        return (value,)
    if isinstance(value, tuple):
        return tuple(control for item in value for control in _controls_in(item))
    return ()


def _factors(value: Value) -> str:
    """The factors of a weight as their product."""
    factors = value if isinstance(value, tuple) else (value,)
    return "*".join(map(_shown, factors)) or "1"


def _shown(value: Value) -> str:
    match value:
        case bool() | None:
            return str(value).lower()
        case float():
            return f"{value:g}"
        case tuple():
            return f"({', '.join(map(_shown, value))})"
        case _:
            return str(value)
