"""Sweeps: the batch of a track is its samples times every combination of the swept values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from graph.errors import ChoraleError, Diagnostic
from graph.plan import Operation, Plan, PlanBuilder, Ref, Sweep, Value

MAX_BATCH = 256


def expand(plan: Plan) -> Plan:
    """The plan with every sweep stretched to one value per element of its track's batch.

    The batch runs through the cells, first axis slowest, and within a cell through the samples:
    every cell has the same sample indices. The same sweep wired twice is one axis. R007 if the
    batch is too large.
    """
    if not any(True for operation in plan.operations for _ in _sweeps(operation)):
        return plan
    builder = PlanBuilder()
    for operation in plan.operations:
        if operation.op == "decode":
            _expand_track(plan, operation, builder)
    return builder.build()


def _expand_track(plan: Plan, root: Operation, builder: PlanBuilder) -> None:
    below = plan.below(root)
    axes = tuple(dict.fromkeys(sweep for each in below for sweep in _sweeps(each)))
    samples = next(_tuple(each["samples"]) for each in below if each.op == "noise")
    cells = math.prod(len(axis.values) for axis in axes)
    if cells * len(samples) > MAX_BATCH:
        raise ChoraleError(
            Diagnostic(
                "R007",
                f"{cells} combinations of swept values with {len(samples)} samples each make "
                f"{cells * len(samples)} pictures at once; at most {MAX_BATCH} are possible.",
                "Sweep fewer values, or lower the sampler's count.",
                node=root.node,
            )
        )
    stretched = _stretched(axes, len(samples))
    moved: dict[int, Ref] = {}
    for each in below:
        settings = {name: _replaced(value, stretched) for name, value in each.settings}
        if each.op == "noise":
            settings["samples"] = samples * cells
        inputs = [moved[ref.number] for ref in each.inputs]
        moved[each.number] = builder.add(each.node, each.op, *inputs, **settings)


def _stretched(axes: Sequence[Sweep], samples: int) -> Mapping[Sweep, Sweep]:
    cells = list(product(*(axis.values for axis in axes)))
    return {
        axis: Sweep(axis.axis, tuple(cell[index] for cell in cells for _ in range(samples)))
        for index, axis in enumerate(axes)
    }


def _sweeps(operation: Operation) -> Iterator[Sweep]:
    for _, value in operation.settings:
        yield from (part for part in _tuple(value) if isinstance(part, Sweep))


def _replaced(value: Value, stretched: Mapping[Sweep, Sweep]) -> Value:
    if isinstance(value, tuple):
        return tuple(_replaced(part, stretched) for part in value)
    return stretched[value] if isinstance(value, Sweep) else value


def _tuple(value: Value) -> tuple[Value, ...]:
    return value if isinstance(value, tuple) else (value,)
