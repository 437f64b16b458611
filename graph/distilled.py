"""Consistency models and samplers: whether what experts answer is what the sampler takes it for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from graph import samplers
from graph.errors import Diagnostic
from graph.interfaces import Sampler
from graph.library import Library
from graph.pipelines import DISTILLED
from graph.plan import Operation, Plan
from graph.registry import choices
from graph.starting import visited

ONE_STEP = 2
"""Levels of a run of one step: where it begins, and clean."""


def check(plan: Plan, library: Library, title: Callable[[str], str]) -> Iterator[Diagnostic]:
    """S018 for every expert whose answers its track's sampler mistakes, once for each node.

    A consistency model answers finished pictures, which a sampler that restarts from each of them
    expects, and no other. In one step all samplers end at the one answer.
    """
    methods: Mapping[str, Any] = choices(samplers, Sampler)
    found: dict[str, Diagnostic] = {}
    for sample in plan.operations:
        if sample.op == "sample" and len(visited(sample)) > ONE_STEP:
            method: Any = sample["sampler"]
            restarts = methods[method.name].restarts
            for each in plan.below(sample):
                if each.op == "denoise" and _finishes(each, library) != restarts:
                    found[each.node] = _mistaken(title(each.node), each.node, method.name, restarts)
    yield from found.values()


def _finishes(asked: Operation, library: Library) -> bool:
    """Whether the expert that is asked answers finished pictures; a formula does not."""
    expert = asked["expert"]
    return isinstance(expert, str) and library.model(expert).pipeline == DISTILLED


def _mistaken(title: str, node: str, method: str, restarts: bool) -> Diagnostic:
    if restarts:
        told = f"'{title}' answers the mean of what there may be, and {method} takes that for a "
        told += "finished picture: it comes out too smooth."
        remedy = "Let the sampler's method be dpmpp_2m, or take a latent consistency model."
    else:
        told = f"'{title}' is a latent consistency model and answers finished pictures, which "
        told += f"{method} takes for means of many."
        remedy = "Let the sampler's method be consistency, in four steps or eight."
    return Diagnostic("S018", told, remedy, node=node, severity="warning")
