"""The sweep sheet: one or two settings over their values, and every cell a workflow."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import permutations, product
from typing import Any, cast

from graph.drawing import Drawing, Wire, WorkflowNode
from graph.errors import ChoraleError, Diagnostic
from graph.events import Performance
from graph.flatten import flatten
from graph.plan import Plan, Sweep
from graph.workflow import Workflow
from nodes import catalogue
from studio.axes import Axis, read_axis, refused
from studio.piece import sampled
from studio.sweepable import AxisValue

MAX_CELLS = 144
Values = tuple[AxisValue, ...]
"""A cell: one value of every axis."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A workflow under every combination of one or two axes; one picture a cell.

    Faders are sampled `together`, as one batch; other settings change the plan, and their cells
    play one after another.
    """

    workflow: Workflow
    axes: tuple[Axis, ...]

    @property
    def together(self) -> bool:
        """Whether all cells are one batch."""
        return all(axis.fader for axis in self.axes)

    def corners(self) -> list[Values]:
        """The cells at the ends of the axes: whatever is wrong with faders is wrong there."""
        return list(product(*((axis.values[0], axis.values[-1]) for axis in self.axes)))

    def rounds(self) -> list[Values]:
        """Every cell, in the order of `places`."""
        return list(product(*(axis.values for axis in self.axes)))

    def cell(self, values: Values) -> Workflow:
        """The workflow with the settings as a cell has them."""
        workflow = _one_sample(self.workflow)
        for axis, value in zip(self.axes, values, strict=True):
            workflow = axis.set(workflow, value)
        return workflow

    def places(self) -> list[tuple[int, ...]]:
        """Every cell by its place on every axis, the first axis slowest."""
        return list(product(*(range(len(axis.values)) for axis in self.axes)))

    def played(self) -> Workflow:
        """The workflow that samples all cells at once: every axis is a sweep node on its expert."""
        workflow = _one_sample(self.workflow)
        for axis, name in zip(self.axes, self._names(), strict=True):
            workflow = workflow.with_settings(axis.node, **{axis.setting: axis.full})
            workflow = workflow.within(axis.node.split("/")[:-1], partial(_swept, axis, name))
        return workflow

    def cells(self, plan: Plan) -> list[tuple[int, ...]]:
        """For each picture that is made, its place on every axis; `plan` is that of `played`."""
        if not self.together:
            return self.places()
        spread = {sweep.axis.rpartition("/")[2]: sweep for sweep in _sweeps(plan)}
        places: list[list[int]] = []
        for axis, name in zip(self.axes, self._names(), strict=True):
            first, last = axis.numbers[0], axis.numbers[-1]
            step = (last - first) / (len(axis.values) - 1)
            if name not in spread:
                raise refused(f"'{axis.node}' is no part of what is sampled.")
            heard = (factor * axis.full for factor in spread[name].values)
            places.append([round((value - first) / step) for value in heard])
        return list(zip(*places, strict=True))

    def values(self, cell: Sequence[int]) -> Values:
        """What the axes have in a cell."""
        return tuple(axis.values[place] for axis, place in zip(self.axes, cell, strict=True))

    def performance(self, played: Performance) -> Performance:
        """What was played, without what is swept: in a cell that stands as the cell has it."""
        swept = {axis.control for axis in self.axes}
        return Performance(tuple(move for move in played.moves if move[1] not in swept))

    def told(self, plan: Plan) -> dict[str, Any]:
        """Axes and cells as the page draws them."""
        axes = [
            {"node": axis.node, "setting": axis.setting, "values": list(axis.values)}
            for axis in self.axes
        ]
        return {"axes": axes, "cells": [list(cell) for cell in self.cells(plan)]}

    def _names(self) -> tuple[str, ...]:
        """Ids for the sweep nodes that no node has, wherever it lies."""
        taken = {node.id for drawing in self.workflow.drawings for node in drawing.nodes}
        free = (name for number in range(len(taken) + 2) if (name := f"axis{number}") not in taken)
        return tuple(next(free) for _ in self.axes)


def read_sheet(asked: object, workflow: Workflow) -> Sheet:
    """The sheet that a page asks for, a list of one or two axes. ChoraleError S015 or S016."""
    if not isinstance(asked, list) or not 1 <= len(cast("list[Any]", asked)) <= 2:
        raise refused("A sheet has one or two axes.")
    sweeps = (
        node for node in flatten(workflow, catalogue()).workflow.nodes if node.type == "sweep"
    )
    if sweep := next(sweeps, None):
        raise ChoraleError(
            Diagnostic(
                "S016",
                "The workflow sweeps by itself: it has a sweep node.",
                "Remove the sweep node, or run the workflow as it is.",
                node=sweep.id,
            )
        )
    axes = tuple(read_axis(each, workflow) for each in cast("list[Any]", asked))
    for one, other in permutations(axes, 2):
        if f"{one.control}.".startswith(f"{other.control}."):
            raise refused(f"'{one.control}' cannot be swept across '{other.control}'.")
    cells = math.prod(len(axis.values) for axis in axes)
    if cells > MAX_CELLS:
        raise refused(f"The sheet has {cells} cells; at most {MAX_CELLS} are sampled at once.")
    return Sheet(workflow, axes)


def _swept(axis: Axis, name: str, drawing: Drawing) -> Mapping[str, Any]:
    """The drawing of an expert with a sweep node of that name wired to it."""
    ends = {"start": axis.numbers[0] / axis.full, "stop": axis.numbers[-1] / axis.full}
    sweep = WorkflowNode(id=name, type="sweep", settings={**ends, "count": len(axis.values)})
    expert = axis.node.rpartition("/")[2]
    wire = Wire.model_validate({"from": f"{name}.reliability", "to": f"{expert}.reliability"})
    return {"nodes": (*drawing.nodes, sweep), "wires": (*drawing.wires, wire)}


def _one_sample(workflow: Workflow) -> Workflow:
    return workflow.throughout(lambda drawing: sampled(drawing, {"count": 1}))


def _sweeps(plan: Plan) -> Iterator[Sweep]:
    for operation in plan.operations:
        for _, value in operation.settings:
            yield from (each for each in _parts(value) if isinstance(each, Sweep))


def _parts(value: Any) -> tuple[Any, ...]:
    return cast("tuple[Any, ...]", value) if isinstance(value, tuple) else (value,)
