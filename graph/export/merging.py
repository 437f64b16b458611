"""Merging: the call of a fusion rule, and the background that experts are measured against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from graph.export import choosing
from graph.export.amounts import Amounts
from graph.export.choosing import Chosen
from graph.export.course import Course
from graph.export.draft import Draft
from graph.export.moment import moment
from graph.export.weighing import source
from graph.export.wording import call_of, row_of
from graph.plan import Operation, Plan


@dataclass(frozen=True, slots=True)
class Merge:
    """The call of a rule that lacks its weights, nulls and background."""

    rule: Chosen
    known: Mapping[str, str]

    def reads(self, parameter: str) -> bool:
        """Whether the rule asks for it."""
        return parameter in self.rule.part.parameters

    def alone(self) -> Merge:
        """The call where there is nothing that experts could be guided away from."""
        words = ("guidance=1.0" if each[:9] == "guidance=" else each for each in self.rule.keywords)
        return replace(self, rule=replace(self.rule, keywords=tuple(words)))

    def with_(self, weights: Iterable[str], nulls: Iterable[str], base: str) -> str:
        """The whole call."""
        more = {"weights": f"[{', '.join(weights)}]", "nulls": f"[{', '.join(nulls)}]"}
        return call_of(self.rule, {**self.known, **more, "base": base})


def merge(draft: Draft, course: Course, operation: Operation, clean: Sequence[str]) -> Merge:
    """What a fusion calls, of the experts' estimates."""
    choice: Any = operation["rule"]
    rule = choosing.chosen("fusion", choice)
    if rule is None:
        raise LookupError(str(choice))
    draft.wanted.append((rule.part.module, rule.part.name))
    told = moment(draft, course, rule.part.parameters, operation, operation)
    return Merge(rule, {"clean": f"[{', '.join(clean)}]", **told})


def background(
    draft: Draft,
    amounts: Amounts,
    operation: Operation,
    inputs: Sequence[Operation],
    nulls: Sequence[str],
    *,
    alike: bool = False,
) -> str:
    """The mix of the nulls, by their shares or `alike`; one null is itself."""
    if len(set(nulls)) == 1:
        return nulls[0]
    shares = [1.0 if alike else _share(draft.plan, each) for each in inputs]
    always = not any(amounts.absent(each) for each in inputs)
    if always and any(shares):
        nulls = [null for null, share in zip(nulls, shares, strict=True) if share]
        shares = [share for share in shares if share]
    if always and len(set(nulls)) == 1:
        return nulls[0]
    equal = [1.0] * len(nulls)
    call = f"mean_of([{', '.join(nulls)}], {row_of(shares if any(shares) else equal)})"
    if not always:
        weights = ", ".join(amounts.of(each, "weight") for each in inputs)
        call = f"mean_of_present([{', '.join(nulls)}], {row_of(shares)}, [{weights}])"
    draft.wanted.append(("background", call.partition("(")[0]))
    name = draft.named(("base", operation.number), "background")
    draft.body.append(f"{name} = {call}")
    return name


def _share(plan: Plan, operation: Operation) -> float:
    """The part of an expert or a fusion in the background."""
    share: Any = dict(source(plan, operation).settings).get("share", 1.0)
    return float(share)
