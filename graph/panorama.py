"""Whether what is sampled can be wider than its experts know."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from graph import correctors, fusion
from graph.errors import Diagnostic
from graph.interfaces import Corrector, FusionRule
from graph.plan import Operation, Plan
from graph.registry import choices

NARROW = "Or let the sampler's wide be 1."


def check(plan: Plan, sample: Operation, title: Callable[[str], str]) -> Iterator[Diagnostic]:
    """F011 and C007 for one sampled track; `title` tells what a node is called.

    F011 for a rule that follows the density of one picture, C007 for a corrector that needs more
    than scores: windows tell nothing of the density of the whole.
    """
    settings = dict(sample.settings)
    if "wide" not in settings:
        return
    rules: Mapping[str, Any] = choices(fusion, FusionRule)
    for each in plan.below(sample):
        rule: Any = each["rule"] if each.op == "fuse" else None
        if rule is not None and rules[rule.name].diffusing:
            yield Diagnostic(
                "F011",
                f"'{title(each.node)}' follows how likely one picture is; a panorama is put "
                "together of windows, which share no density.",
                f"Fuse by the product. {NARROW}",
                node=each.node,
            )
    family: Mapping[str, Any] = choices(correctors, Corrector)
    chosen: Any = settings.get("corrector")
    if chosen is not None and family[chosen.name].needs != "scores":
        yield Diagnostic(
            "C007",
            f"The corrector {chosen.name} takes a product of experts apart; a panorama is put "
            "together of windows, which share no density.",
            f"Let the sampler's corrector be none or ula. {NARROW}",
            node=sample.node,
        )
