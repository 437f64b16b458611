"""Refusing: what of a workflow cannot be exported, said at once, so that nothing is left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from graph.errors import ChoraleError, Diagnostic
from graph.export.choosing import chosen, companion, conditions, formula, network
from graph.library import Library
from graph.plan import Choice, Operation, Plan

FAMILIES: Mapping[str, tuple[str, str, str]] = {
    "fuse": ("rule", "fusion", "the fusion rule"),
    "guide": ("method", "guidance", "the guidance method"),
    "form": ("form", "forms", "the form of guidance"),
    "sample": ("sampler", "samplers", "the sampler"),
}
EXPERT = "expert condition weight guidance share muted solo range without null part"
FADED = ("weight", "muted", "solo", "range")
KNOWN: Mapping[str, frozenset[str]] = {
    "denoise": frozenset(EXPERT.split()),
    "adapt": frozenset({*FADED, "model", "condition", "null"}),
    "tune": frozenset({*FADED, "model"}),
    "bridge": frozenset({"shape"}),
    "modulate": frozenset({*FADED, "model", "maps"}),
    "guide": frozenset({*FADED, "model", "target", "method", "scale"}),
    "fuse": frozenset({"rule", "background", "share"}),
    "form": frozenset({"form", "weight", "muted", "solo"}),
    "noise": frozenset({"track", "space", "shape", "seed", "samples", "points", "size"}),
    "sample": frozenset(
        ["sampler", "schedule", "steps", "corrector", "wide", "start", "strength", "where"]
    ),
    "decode": frozenset[str](),
}
"""The settings of operations that are looked at: what is new is refused, not left out."""


def refuse(plan: Plan, library: Library) -> None:
    """ChoraleError W024 that names all of it."""
    found = dict.fromkeys(
        f"{what} ('{each.node}')" for each in plan.operations for what in _strange(each, library)
    )
    if found:
        raise refused(found)


def refused(found: Iterable[str]) -> ChoraleError:
    """W024 for what a workflow uses."""
    return ChoraleError(
        Diagnostic(
            "W024",
            f"This workflow cannot be exported yet, because it uses {', '.join(found)}.",
            "Take that out of a copy, or share the workflow itself: the command run plays it.",
        )
    )


def _strange(each: Operation, library: Library) -> Iterator[str]:
    settings = dict(each.settings)
    if each.op not in KNOWN:
        yield f"the operation {each.op}"
        return
    yield from (f"the setting {name}" for name in settings if name not in KNOWN[each.op])
    if each.op == "denoise":
        yield from _strange_expert(settings, library)
    if each.op == "adapt":
        heard = library.companion(str(settings["model"]))
        if companion("adapters", heard) is None:
            yield f"{heard.name}, an adapter of the kind {heard.network}"
    if each.op in FAMILIES:
        setting, family, word = FAMILIES[each.op]
        choice: Any = settings[setting]
        if chosen(family, choice) is None:
            yield f"{word} {choice}"
    if each.op == "sample":
        schedule: Any = settings["schedule"]
        corrector: Any = settings.get("corrector", Choice("none"))
        if "where" in settings and corrector.name not in ("none", "ula"):
            yield f"the corrector {corrector.name} beside a region"
        if chosen("schedules", schedule) is None:
            yield f"the noise schedule {schedule}"
        if corrector.name != "none" and chosen("correctors", corrector) is None:
            yield f"the corrector {corrector.name}"


def _strange_expert(settings: Mapping[str, Any], library: Library) -> Iterator[str]:
    expert = settings["expert"]
    if isinstance(expert, Choice):
        if formula(expert) is None or settings.get("without"):
            yield f"the formula {expert.name}"
        return
    model = library.model(str(expert))
    condition: Any = settings["condition"]
    kinds = model.card.condition.split("+")
    strange = [each.kind for each in conditions(condition) if each.kind not in kinds]
    if not (model.folder / "scheduler").is_dir():
        yield f"{model.name}, which is no folder of diffusers"
    elif strange:
        yield f"the condition {strange[0]} of {model.name}"
    elif network(model) is None:
        yield f"{model.name}, a {model.pipeline} with the condition {model.card.condition}"
