"""Refusing: what of a workflow cannot be exported, said at once, so that nothing is left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graph.errors import ChoraleError, Diagnostic
from graph.events import Performance
from graph.export.choosing import chosen, network
from graph.library import Library
from graph.plan import Choice, Operation, Plan

WORDS: Mapping[str, str] = {
    "adapt": "an adapter",
    "bridge": "a bridge",
    "guide": "guidance by a model",
    "modulate": "a modulator",
    "tune": "a LoRA",
}
FAMILIES: Mapping[str, tuple[str, str, str]] = {
    "fuse": ("rule", "fusion", "the fusion rule"),
    "form": ("form", "forms", "the form of guidance"),
    "sample": ("sampler", "samplers", "the sampler"),
}
EXPERT = "expert condition weight guidance share muted solo range without"
KNOWN: Mapping[str, frozenset[str]] = {
    "denoise": frozenset(EXPERT.split()),
    "fuse": frozenset({"rule", "background"}),
    "form": frozenset({"form", "weight", "muted", "solo"}),
    "noise": frozenset({"track", "space", "shape", "seed", "samples", "points", "size"}),
    "sample": frozenset({"sampler", "schedule", "steps", "corrector", "wide"}),
    "decode": frozenset[str](),
}
"""The settings of operations that are looked at: what is new is refused, not left out."""


def refuse(plan: Plan, library: Library, performance: Performance | None) -> None:
    """ChoraleError W024 that names all of it."""
    found = dict.fromkeys(
        f"{what} ('{each.node}')"
        for each in plan.operations
        for what in _strange(plan, each, library)
    )
    played = performance.moves if performance else ()
    maps = {control.name for control in plan.controls if control.kind == "map"}
    moved = [name for step, name, _ in played if step and name in maps]
    found |= dict.fromkeys(f"a map that is changed while it plays ('{name}')" for name in moved)
    if found:
        raise ChoraleError(
            Diagnostic(
                "W024",
                f"This workflow cannot be exported yet, because it uses {', '.join(found)}.",
                "Take that out of a copy, or share the workflow itself: the command run plays it.",
            )
        )


def _strange(plan: Plan, each: Operation, library: Library) -> Iterator[str]:
    settings = dict(each.settings)
    if each.op not in KNOWN:
        yield WORDS.get(each.op, f"the operation {each.op}")
        return
    yield from (f"the setting {name}" for name in settings if name not in KNOWN[each.op])
    if each.op == "denoise":
        yield from _strange_expert(settings, library)
    if each.op in FAMILIES:
        setting, family, word = FAMILIES[each.op]
        choice: Any = settings[setting]
        if chosen(family, choice) is None:
            yield f"{word} {choice}"
    if each.op == "sample":
        schedule: Any = settings["schedule"]
        corrector: Any = settings.get("corrector", Choice("none"))
        if chosen("schedules", schedule) is None:
            yield f"the noise schedule {schedule}"
        if corrector.name != "none":
            yield f"the corrector {corrector.name}"
        if settings.get("wide", 1) != 1:
            yield "a panorama"
    if each.op == "noise" and settings.get("points", 1) != 1:
        yield "points of a plane"
    wired = each.op == "fuse" and each["background"]
    if wired and plan.operations[each.inputs[-1].number].op != "denoise":
        yield "a background that is fused itself"


def _strange_expert(settings: Mapping[str, Any], library: Library) -> Iterator[str]:
    expert = settings["expert"]
    if isinstance(expert, Choice):
        yield f"the formula {expert.name}"
        return
    model = library.model(str(expert))
    condition: Any = settings["condition"]
    if model.file is not None or not (model.folder / "scheduler").is_dir():
        yield f"{model.name}, which is no folder of diffusers"
    elif isinstance(condition, tuple):
        yield f"several conditions of {model.name} at once"
    elif condition is not None and condition.kind != model.card.condition:
        yield f"the condition {condition.kind} of {model.name}"
    elif network(model) is None:
        yield f"{model.name}, a {model.pipeline} with the condition {model.card.condition}"
