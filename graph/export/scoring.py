"""Scores: every operation between the networks and the sampler, as lines of the denoiser."""

from __future__ import annotations

from graph.export.amounts import Amounts
from graph.export.asking import Asking
from graph.export.course import Course
from graph.export.draft import Draft
from graph.export.forming import form
from graph.export.merging import background, merge
from graph.export.weighing import inputs_of
from graph.plan import Operation


class Scoring:
    """Writes the scores of a track, from the networks' answers up."""

    def __init__(self, draft: Draft, course: Course, amounts: Amounts, asking: Asking) -> None:
        self._draft = draft
        self._course = course
        self._amounts = amounts
        self._asking = asking

    def estimate(self, operation: Operation) -> tuple[str, str]:
        """The variables of a score's estimate and of what it is measured against by itself."""
        if operation.op == "denoise":
            return self._asking.voice(operation), self._asking.null(operation)
        forms: list[Operation] = []
        while operation.op == "form":
            forms.insert(0, operation)
            operation = self._draft.plan.operations[operation.inputs[0].number]
        return self._fused(operation, forms)

    def _fused(self, operation: Operation, forms: list[Operation]) -> tuple[str, str]:
        """A fusion, in the forms that it is given."""
        draft, amounts = self._draft, self._amounts
        inputs, wired = inputs_of(draft.plan, operation)
        if all(row["loud", operation.number] for row in self._course.rows):
            inputs = [each for each in inputs if amounts.sounds(each)]
        found = [self.estimate(each) for each in inputs]
        clean, nulls = [each for each, _ in found], [each for _, each in found]
        call = merge(draft, self._course, operation, clean)
        if wired is None or call.reads("nulls"):
            nulls = [self._asking.asked(each) for each in nulls]
        weights = [amounts.of(each, "weight") for each in inputs]
        if wired:
            base = self.estimate(wired)[0]
        else:
            base = background(draft, amounts, operation, inputs, nulls)
        name = draft.names.of(("merge", operation.number), operation.node)
        draft.body.append(f"{name} = {call.with_(weights, nulls, base)}")
        if forms:
            plain = draft.names.of(("plain", operation.number), f"{name}_plain")
            unguided = [amounts.of(each, "plain") for each in inputs]
            draft.body.append(f"{plain} = {call.with_(unguided, nulls, base)}")
            for each in forms:
                form(draft, self._course, amounts, each, operation, (name, plain, base))
        return name, base
