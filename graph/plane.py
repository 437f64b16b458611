"""The plane: samples of two numbers, many to a picture, and what has no meaning there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from graph.errors import Diagnostic
from graph.library import Space
from graph.plan import Control, Operation, Plan

REACH = 4.0
"""From the middle of what is shown to its edge."""
PLANE = Space("plane", "plane", (2,), scale=384, points=1000)
"""Right and up; a picture shows a thousand points, each a sample of its own."""


def check(plan: Plan, sample: Operation, title: Callable[[str], str]) -> Iterator[Diagnostic]:
    """F016 and F017 for one sampled track; `title` tells what a node is called.

    F016 for points that are to be wider than they are, F017 for a map of where they count.
    """
    noise = plan.operations[sample.inputs[0].number]
    if "points" not in dict(noise.settings):
        return
    if "wide" in dict(sample.settings):
        yield Diagnostic(
            "F016",
            f"'{title(sample.node)}' shows points of the plane, which have no width.",
            "Let the sampler's wide be 1.",
            node=sample.node,
        )
    for each in plan.below(sample):
        weight = dict(each.settings).get("weight", ())
        for factor in weight if isinstance(weight, tuple) else (weight,):
            if isinstance(factor, Control) and factor.kind == "map":
                yield Diagnostic(
                    "F017",
                    f"'{title(each.node)}' is weighed by a map of places; a point of the plane "
                    "has none.",
                    "Unwire the map, or let a curve or a sweep weigh it.",
                    node=each.node,
                )
