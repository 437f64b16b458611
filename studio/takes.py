"""The pictures of one run: which workflow each carries, and what tells them apart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from graph.events import Result
from graph.library import Library
from graph.plan import Plan
from graph.storage import picture_bytes, with_played
from graph.workflow import Workflow, dump_workflow
from studio.frames import Frame, labels
from studio.piece import seed_of
from studio.sheets import Sheet
from studio.sweepable import spoken


class Takes:
    """A run's pictures: every one can be made again from the workflow that it carries.

    `plans` is the one plan of a batch, or a plan for each round.
    """

    def __init__(
        self, workflow: Workflow, plans: Sequence[Plan], sheet: Sheet | None = None
    ) -> None:
        plan = plans[0]
        self._workflow = workflow
        self._seeds = [seed_of(each) for each in plans]
        self._sheet = sheet
        self._cells = sheet.cells(plan) if sheet else []
        self.seed = self._seeds[0]
        self.shown: Frame = {"labels": labels(plan), "sheet": None}
        """What the page needs to arrange and name the pictures."""
        if sheet:
            self.shown = {"labels": self._labels(sheet), "sheet": sheet.told(plan)}
        swept = {axis.control for axis in sheet.axes} if sheet else set[str]()
        heard = plan.controls if len(plans) == 1 else ()  # rounds after the first would not know
        names = [control.name for control in heard if control.name not in swept]
        self.told: Frame = {**self.shown, "controls": names}
        """What the page is told when the run begins."""

    @property
    def document(self) -> Any:
        """The workflow as JSON, as the page sent it."""
        return json.loads(dump_workflow(self._workflow))

    def result(self, event: Result) -> Result:
        """The result with the performance that its pictures carry."""
        return (
            replace(event, record=self._sheet.performance(event.record)) if self._sheet else event
        )

    def pictures(self, event: Result, library: Library) -> list[bytes]:
        """The finished pictures as PNG, each with its workflow and the performance inside."""
        sheet = self._sheet
        return [
            picture_bytes(
                picture,
                with_played(
                    sheet.cell(sheet.values(self._cells[number])) if sheet else self._workflow,
                    event.record,
                    library,
                ),
                event.record,
                seed=self._seeds[number] if len(self._seeds) > 1 else self.seed,
                sample=0 if sheet else number,
            )
            for number, picture in enumerate(event.pictures)
        ]

    def _labels(self, sheet: Sheet) -> list[str]:
        return [
            " · ".join(
                f"{axis.words} {spoken(value)}"
                for axis, value in zip(sheet.axes, sheet.values(cell), strict=True)
            )
            for cell in self._cells
        ]
