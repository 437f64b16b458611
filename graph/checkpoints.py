"""Checkpoints: finds the family that loads a model's folder, or builds an analytic expert."""

from __future__ import annotations

import logging
from typing import Any

from safetensors import SafetensorError

from graph import experts
from graph.errors import ChoraleError, Diagnostic
from graph.interfaces import Checkpoint, Expert
from graph.library import Library, Model
from graph.machine import Machine
from graph.plan import Choice, Value
from graph.registry import choices

log = logging.getLogger("chorale")


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
            return _loaded(family, model, machine)
    known = ", ".join(sorted(name for family in loaders for name in family.pipelines))
    raise ChoraleError(
        Diagnostic(
            "M006",
            f"'{model.name}' is a {model.pipeline}, which Chorale cannot load. It loads: {known}.",
            "Choose a model of one of these families.",
        )
    )


def _loaded(family: type[Checkpoint], model: Model, machine: Machine) -> Expert:
    """The loaded model; whatever its damaged files make the libraries say, M013 says it."""
    try:
        return family.load(model, machine)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        log.warning("loading %s failed", model.name, exc_info=error)
        reason = (
            str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        )
        raise ChoraleError(
            Diagnostic(
                "M013",
                f"The files of '{model.name}' cannot be loaded: {reason}",
                "Copy the model's folder again.",
            )
        ) from error
