"""Checkpoints: finds the family that loads a model's folder, or builds an analytic expert."""

from __future__ import annotations

from typing import Any

from graph import experts
from graph.errors import ChoraleError, Diagnostic
from graph.interfaces import Checkpoint, Expert
from graph.library import Library
from graph.machine import Machine
from graph.plan import Choice, Value
from graph.registry import choices


def load_expert(choice: Value, library: Library, machine: Machine) -> Expert:
    """The expert that a plan names: an analytic one by its settings, else a folder of the library.

    Raises ChoraleError M-codes for folders that are missing, damaged or of an unknown family.
    """
    families: dict[str, Any] = choices(experts, Expert)  # pyright: ignore[reportArgumentType, reportAssignmentType]
    if isinstance(choice, Choice):
        return families[choice.name](**dict(choice.settings))
    model = library.model(str(choice))
    loaders = [each for each in families.values() if issubclass(each, Checkpoint)]
    for family in loaders:
        if model.pipeline in family.pipelines:
            return family.load(model, machine)
    known = ", ".join(sorted(name for family in loaders for name in family.pipelines))
    raise ChoraleError(
        Diagnostic(
            "M006",
            f"'{model.name}' is a {model.pipeline}, which Chorale cannot load. It loads: {known}.",
            "Choose a model of one of these families.",
        )
    )
