"""The cells of a sweep sheet as plans, and what is wrong in which of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from graph.errors import ChoraleError, Diagnostic
from graph.plan import Plan
from graph.workflow import Workflow
from nodes import catalogue
from studio.axes import refused
from studio.sheets import Sheet, Values
from studio.sweepable import AxisValue, spoken

Planner = Callable[[Workflow], Plan]
"""The plan of a workflow; ChoraleError with what is wrong with it."""


def planned(sheet: Sheet, cells: Sequence[Values], plan: Planner) -> list[Plan]:
    """The plan of every one of these cells; ChoraleError with what is wrong, and in which."""
    plans, wrong = _tried(sheet, cells, plan)
    if wrong:
        raise ChoraleError(
            *(
                replace(each, message=f"{_where(sheet, cells, found)}{each.message}")
                for each, found in wrong.items()
            )
        )
    return plans


def unfit(sheet: Sheet, plan: Planner) -> list[tuple[AxisValue, str]]:
    """The values of a sheet's only axis that cannot be sampled, each with one reason.

    What is wrong whatever the value is no reason against one.
    """
    cells = sheet.rounds()
    _, wrong = _tried(sheet, cells, plan)
    reasons: dict[Values, str] = {}
    for each, found in wrong.items():
        for cell in found if len(found) < len(cells) else ():
            reasons.setdefault(cell, each.message)
    return [(cell[0], reason) for cell, reason in reasons.items()]


def check(sheet: Sheet, plans: Sequence[Plan]) -> None:
    """ChoraleError S015 for an axis along which nothing changes; a plan for each of its places."""
    cells = dict(zip(sheet.places(), plans, strict=True))
    for number, axis in enumerate(sheet.axes):
        first = [cell for cell in cells if sum(cell) == cell[number]]
        if all(cells[a].operations == cells[b].operations for a, b in pairwise(first)):
            raise refused(f"'{axis.control}' changes nothing of what is sampled.")


def _tried(
    sheet: Sheet, cells: Sequence[Values], plan: Planner
) -> tuple[list[Plan], dict[Diagnostic, list[Values]]]:
    """The plans that there are, and every error with the cells that it stands against."""
    plans: list[Plan] = []
    wrong: dict[Diagnostic, list[Values]] = {}
    for cell in cells:
        try:
            plans.append(plan(sheet.cell(cell)))
        except ChoraleError as error:
            for each in error.diagnostics:
                if each.severity == "error":
                    wrong.setdefault(each, []).append(cell)
    return plans, wrong


def _where(sheet: Sheet, cells: Sequence[Values], found: Sequence[Values]) -> str:
    """In which of the cells something was found, as the beginning of a sentence; '' if in all."""
    alike = [dict.fromkeys(column) for column in zip(*found, strict=True)]
    whole = [set(column) for column in zip(*cells, strict=True)]
    rest = 0
    if math.prod(map(len, alike)) > len(found):  # no block of the sheet: the first stands for all
        alike, rest = [dict.fromkeys([value]) for value in found[0]], len(found) - 1
    names = _names(sheet)
    parts = [
        f"{name} is {_either([*map(spoken, values)])}"
        for name, values, known in zip(names, alike, whole, strict=True)
        if len(values) < len(known)
    ]
    more = f" (and in {rest} more {'cell' if rest == 1 else 'cells'})" if rest else ""
    return f"Where {' and '.join(parts)}{more}: " if parts else ""


def _either(words: Sequence[str]) -> str:
    """The words as 'one, another or a third'."""
    *before, last = words
    return f"{', '.join(before)} or {last}" if before else last


def _names(sheet: Sheet) -> list[str]:
    """The axes as a person tells them apart: setting and node, with its address where needed."""
    titles = Counter(_title(sheet.workflow, axis.node) for axis in sheet.axes)
    nodes = {axis.node for axis in sheet.axes}
    found: list[str] = []
    for axis in sheet.axes:
        title = _title(sheet.workflow, axis.node)
        alike = titles[title] > 1 and len(nodes) > 1
        found.append(f"{axis.words} of '{title}'" + (f" ({axis.node})" if alike else ""))
    return found


def _title(workflow: Workflow, address: str) -> str:
    node = workflow.find(address)
    assert node is not None, "read_axis has found it"
    return node.title or catalogue()[node.type].label
