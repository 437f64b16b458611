"""Weights of a plan at every evaluation: controls, curves, moves and ranges become numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph import fusion
from graph.events import ControlValue
from graph.interfaces import FusionRule
from graph.levels import NoiseLevel, clipped
from graph.plan import Control, Operation, Plan, Sweep, Value
from graph.registry import choices

Span = tuple[float, float]
KINDS = (("modulate",), ("guide",), ("adapt", "tune"))
"""The operations whose faders a solo silences together."""


@dataclass(frozen=True, slots=True)
class Fader:
    """What has a weight of its own: an expert, what tells or bends one, or a form of guidance."""

    operation: Operation
    span: Span

    @property
    def spread(self) -> tuple[Value, ...]:
        """The factors that are one number for every sample or place."""
        return tuple(
            each for each in factors_of(self.operation) if isinstance(each, Sweep) or _is_map(each)
        )

    def number(self, level: NoiseLevel, values: Mapping[str, ControlValue], solo: bool) -> float:
        """The part of the weight that is one number; `solo` says whether one is soloed."""
        high, low = self.span
        off = read(self.operation["muted"], values) or (
            solo and not read(self.operation["solo"], values)
        )
        if off or not low < level.noise <= high:
            return 0.0
        number = self.guidance(values)
        for factor in factors_of(self.operation):
            if isinstance(factor, Control) and factor.kind == "curve":
                number *= along(values[factor.name], level.noise)
            elif factor not in self.spread:
                number *= float(read(factor, values))
        return number

    def guidance(self, values: Mapping[str, ControlValue]) -> float:
        """How far it is followed, an expert or a model that guides; one for all others."""
        settings = dict(self.operation.settings)
        followed = settings.get("guidance", settings.get("scale", 1.0))
        return float(read(followed, values))


def factors_of(operation: Operation) -> tuple[Value, ...]:
    """What its reliability is the product of."""
    weight = operation["weight"]
    return weight if isinstance(weight, tuple) else (weight,)


def _is_map(factor: Value) -> bool:
    return isinstance(factor, Control) and factor.kind == "map"


def read(setting: Any, values: Mapping[str, ControlValue]) -> Any:
    """The setting, or the value of the control that it is."""
    return values[setting.name] if isinstance(setting, Control) else setting


def along(curve: Any, noise: float) -> float:
    """The height of a curve of (noise, value) points, flat beyond its ends."""
    points: list[tuple[float, float]] = sorted(curve)
    return float(np.interp(noise, [at for at, _ in points], [height for _, height in points]))


Faders = dict[int, Fader]


def faders(plan: Plan, root: Operation) -> tuple[Faders, Faders, Faders]:
    """What is weighed below a score, by number: experts, those of backgrounds alone, forms."""
    plays: Faders = {}
    grounds: Faders = {}
    forms: Faders = {}

    def walk(operation: Operation, turn: Span, experts: Faders) -> None:
        if operation.op == "denoise":
            span: Any = operation["range"]
            experts[operation.number] = Fader(operation, clipped(span, turn))
        elif operation.op == "form":
            forms[operation.number] = Fader(operation, (1.0, 0.0))
        for each, own in turns(plan, operation, turn):
            anchors = operation.op == "bridge" and each.number == operation.inputs[1].number
            if not anchors or source(plan, each).op != "denoise":
                walk(each, own, experts)
        wired = inputs_of(plan, operation)[1]
        if wired and bare(plan, wired).op != "denoise":
            walk(wired, (1.0, 0.0), grounds)

    walk(root, (1.0, 0.0), plays)
    # who plays and is part of a background too is heard there as he plays
    behind = {number: each for number, each in grounds.items() if number not in plays}
    return plays, behind, forms


def others(plan: Plan, root: Operation) -> Iterator[Faders]:
    """What else below a score has a weight, apart by kind."""
    spans: dict[int, Span] = {}

    def walk(operation: Operation, turn: Span) -> None:
        spans[operation.number] = turn
        for each, own in turns(plan, operation, turn):
            walk(each, own)
        wired = inputs_of(plan, operation)[1]
        if wired is not None:
            walk(wired, (1.0, 0.0))

    walk(root, (1.0, 0.0))
    for kind in KINDS:
        found = [each for each in plan.below(root) if each.op in kind]
        ranges: list[Any] = [each["range"] for each in found]
        yield {
            each.number: Fader(each, clipped(own, spans.get(each.number, (1.0, 0.0))))
            for each, own in zip(found, ranges, strict=True)
        }


def turns(plan: Plan, operation: Operation, turn: Span) -> Iterator[tuple[Operation, Span]]:
    """The scores that an operation is made of, without a background, and when each is heard."""
    if operation.op == "denoise":
        return
    inputs, own = inputs_of(plan, operation)[0], None
    if operation.op == "fuse":
        choice: Any = operation["rule"]
        rules: Mapping[str, Any] = choices(fusion, FusionRule)
        own = rules[choice.name](**dict(choice.settings)).turns(len(inputs))
    for number, each in enumerate(inputs):
        yield each, clipped(turn, own[number]) if own else turn


def voices(plan: Plan, root: Operation) -> Iterator[Operation]:
    """The experts whose weights decide whether a score is heard: none that only anchor."""
    here = source(plan, root)
    if here.op == "denoise":
        yield here
        return
    for each in inputs_of(plan, here)[0]:
        yield from voices(plan, each)


def looked_at(
    plan: Plan, root: Operation, heard: Callable[[Operation], bool]
) -> Iterator[Operation]:
    """What is worked out of a score; `heard` says whether an operation's weight is not zero.

    That is what is heard, and backgrounds and anchors whether or not they are; of a fusion in which
    nothing is heard everything, without what bends it.
    """
    inputs, wired = inputs_of(plan, root)
    if root.op not in ("guide", "modulate") or heard(root):
        yield root
    if root.op == "denoise":
        return
    if root.op == "fuse":
        loud = [each for each in inputs if heard(source(plan, each))]
        inputs = loud or [bare(plan, each) for each in inputs]
    elif root.op == "bridge" and not heard(source(plan, root)):
        inputs = inputs[1:]
    for each in (*inputs, *([wired] if wired else ())):
        yield from looked_at(plan, each, heard)


def bare(plan: Plan, operation: Operation) -> Operation:
    """A score without what bends it."""
    while operation.op in ("modulate", "guide"):
        operation = plan.operations[operation.inputs[0].number]
    return operation


def source(plan: Plan, operation: Operation) -> Operation:
    """Whose weight a score has: an expert's or a fusion's, beneath what bends or forms it."""
    while operation.op not in ("denoise", "fuse"):
        operation = plan.operations[operation.inputs[0].number]
    return operation


def inputs_of(plan: Plan, operation: Operation) -> tuple[list[Operation], Operation | None]:
    """What an operation merges or changes, and the background that is wired to it."""
    inputs = [plan.operations[ref.number] for ref in operation.inputs]
    wired = operation.op == "fuse" and operation["background"]
    return (inputs[:-1], inputs[-1]) if wired else (inputs, None)


def weighed(
    group: Mapping[int, Fader], level: NoiseLevel, values: Mapping[str, ControlValue]
) -> dict[int, float]:
    """The number of every fader of a kind; a solo silences others of it alone."""
    solo = any(read(each.operation["solo"], values) for each in group.values())
    return {number: each.number(level, values, solo) for number, each in group.items()}


def stretches(sounding: Sequence[frozenset[int]]) -> Iterator[tuple[int, int]]:
    """From which step up to which the same experts and forms are heard."""
    start = 0
    for step in range(1, len(sounding) + 1):
        if step == len(sounding) or sounding[step] != sounding[start]:
            yield start, step
            start = step
