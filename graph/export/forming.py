"""Forming: a fusion in another form of guidance, as far as that form's reliability says."""

from __future__ import annotations

from typing import Any

from graph.export import choosing
from graph.export.amounts import Amounts
from graph.export.course import Course
from graph.export.draft import Draft
from graph.export.moment import moment
from graph.export.wording import call_of
from graph.plan import Operation


def form(
    draft: Draft,
    course: Course,
    amounts: Amounts,
    operation: Operation,
    merge: Operation,
    fused: tuple[str, str, str],
) -> None:
    """Changes the first of the variables (guided, plain, base) of the fusion `merge`."""
    choice: Any = operation["form"]
    chosen = choosing.chosen("forms", choice)
    if chosen is None:
        raise LookupError(str(choice))
    draft.wanted.append((chosen.part.module, chosen.part.name))
    guided, plain, base = fused
    told = moment(draft, course, chosen.part.parameters, operation, merge)
    changed = call_of(chosen, {"guided": guided, "plain": plain, "base": base, **told})
    weight = amounts.own(operation)
    if weight == "1.0":
        draft.body.append(f"{guided} = {changed}")
    else:
        formed = draft.named(("formed", operation.number), f"{operation.node}_formed")
        draft.body.append(f"{formed} = {changed}")
        draft.body.append(f"{guided} = {guided} + {weight} * ({formed} - {guided})")
