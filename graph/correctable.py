"""Whether a corrector can know what it has to know of the fusion that it corrects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from graph import correctors, fusion
from graph.errors import Diagnostic
from graph.interfaces import Corrector, FusionRule
from graph.plan import Choice, Control, Operation, Plan, Sweep, Value
from graph.registry import choices

PLAIN = "Let the sampler's corrector be none or ula."


def check(plan: Plan, sample: Operation, title: Callable[[str], str]) -> Iterator[Diagnostic]:
    """C001 to C004 for one sampled track; `title` tells what a node is called.

    C001 for a rule that follows the path, which a corrector leaves; C002 for what is no product of
    experts; C003 for an expert that does not know its density; C004 for a weight that is no number.
    """
    chosen: Any = dict(sample.settings).get("corrector")
    if chosen is None:
        return
    family: Mapping[str, Any] = choices(correctors, Corrector)
    rules: Mapping[str, Any] = choices(fusion, FusionRule)
    corrector: type[Corrector] = family[chosen.name]
    yield from _followers(plan, sample, rules, title)
    if corrector.needs == "scores":
        return
    fused = plan.operations[sample.inputs[1].number]
    rule: Any = fused["rule"] if fused.op == "fuse" else None
    parts = [plan.operations[ref.number] for ref in fused.inputs]
    odd = next((each for each in parts if each.op != "denoise"), None)
    if rule is None or not rules[rule.name].multiplies or odd is not None:
        got = f"the rule {rule.name}" if rule and odd is None else f"'{title((odd or fused).node)}'"
        yield Diagnostic(
            "C002",
            f"The corrector {chosen.name} needs experts that are multiplied, each as it is; "
            f"'{title(sample.node)}' samples {got}.",
            f"Wire experts alone to one fusion by the product. {PLAIN}",
            node=(odd or fused).node,
        )
        return
    for each in {part.node: part for part in parts}.values():  # a node may have two voices
        if corrector.needs == "densities" and not isinstance(each["expert"], Choice):
            yield Diagnostic(
                "C003",
                f"The corrector {chosen.name} has to know how likely a state is; "
                f"'{title(each.node)}' is a network and tells its score alone.",
                f"Use experts that are formulas. {PLAIN}",
                node=each.node,
            )
        found = next(_moving(each["weight"], corrector.couples), None)
        if found is not None:
            yield Diagnostic(
                "C004",
                f"The corrector {chosen.name} needs weights that are numbers; "
                f"'{title(each.node)}' is weighed by a {found}.",
                f"Unwire the {found}. {PLAIN}",
                node=each.node,
            )


def _followers(
    plan: Plan, sample: Operation, rules: Mapping[str, Any], title: Callable[[str], str]
) -> Iterator[Diagnostic]:
    for each in plan.below(sample):
        rule: Any = each["rule"] if each.op == "fuse" else None
        if rule is not None and rules[rule.name].diffusing:
            yield Diagnostic(
                "C001",
                f"'{title(each.node)}' follows densities along the sampler's path, "
                "which a corrector leaves: its choices would be wrong.",
                "Let the sampler's corrector be none, or fuse by the product.",
                node=each.node,
            )


def _moving(weight: Value, couples: bool) -> Iterator[str]:
    """What a weight is made of that is not one number for all places, or for all particles."""
    for factor in weight if isinstance(weight, tuple) else (weight,):
        if isinstance(factor, Control) and factor.kind == "map":
            yield "map"
        elif couples and isinstance(factor, Control) and factor.kind == "curve":
            yield "curve"
        elif couples and isinstance(factor, Sweep):
            yield "sweep"
