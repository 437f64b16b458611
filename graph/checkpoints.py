"""Checkpoints: finds the family that loads a model's folder, or builds an analytic expert."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError

from graph import adapters, experts, likelihoods, modulators
from graph.companions import Companion
from graph.errors import ChoraleError, Diagnostic
from graph.interfaces import Adapter, Checkpoint, Expert, Likelihood, Modulator
from graph.library import Library
from graph.lora import Lora
from graph.machine import Machine
from graph.plan import Choice, Value
from graph.registry import choices
from graph.twins import Deltas, deltas_of

log = logging.getLogger("chorale")
T = TypeVar("T")
DAMAGE = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    SafetensorError,
)
"""What the libraries raise for files that are cut off, or whose shapes make no sense."""


def load_expert(choice: Value, library: Library, machine: Machine) -> Expert:
    """The expert that a plan names: an analytic one by its settings, else a folder of the library.

    Raises ChoraleError M-codes for folders that are missing, damaged or of an unknown family.
    """
    families: dict[str, Any] = choices(experts, Expert)  # pyright: ignore[reportArgumentType, reportAssignmentType]
    if isinstance(choice, Choice):
        return families[choice.name](**dict(choice.settings))
    model = library.model(str(choice))
    loaders = [each for each in families.values() if issubclass(each, Checkpoint)]
    family = next(each for each in loaders if model.pipeline in each.pipelines)
    expert = _loaded(model.name, partial(family.load, model, machine))
    expert.device = machine.device
    return expert


def load_modulator(companion: Companion, machine: Machine) -> Modulator:
    """The modulator of a folder; ChoraleError M013 for damaged files."""
    families = choices(modulators, Modulator).values()  # pyright: ignore[reportArgumentType]
    family = next(each for each in families if companion.network in each.networks)
    return _loaded(companion.name, partial(family.load, companion, machine))


def load_adapter(companion: Companion, machine: Machine) -> Adapter:
    """The adapter of a folder; ChoraleError M013 for damaged files."""
    families = choices(adapters, Adapter).values()  # pyright: ignore[reportArgumentType]
    family = next(each for each in families if companion.network in each.networks)
    return _loaded(companion.name, partial(family.load, companion, machine))


def load_deltas(lora: Lora, network: str, expert: Checkpoint) -> Deltas:
    """The tensors of a LoRA for the expert called `network`.

    ChoraleError M013 for a damaged file, M040 for one that was made for other networks.
    """
    return _loaded(lora.name, partial(deltas_of, lora, network, expert))


def load_likelihood(companion: Companion, machine: Machine) -> Likelihood:
    """The model of a folder as a likelihood.

    Raises ChoraleError M013 for damaged files, M020 for a network of an unknown class.
    """
    families = choices(likelihoods, Likelihood)  # pyright: ignore[reportArgumentType]
    for family in families.values():
        if companion.network.endswith(family.networks):
            return _loaded(companion.name, partial(family.load, companion, machine))
    known = ", ".join(sorted(name for family in families.values() for name in family.networks))
    raise ChoraleError(
        Diagnostic(
            "M020",
            f"'{companion.name}' cannot guide: it is a {companion.network}. What can: {known}.",
            "Choose one of these as transformers writes it.",
        )
    )


def _loaded(name: str, load: Callable[[], T]) -> T:
    """What `load` makes; whatever damaged files make the libraries say, M013 says it."""
    try:
        return load()
    except torch.OutOfMemoryError:
        raise  # it is a RuntimeError too, but the files are whole
    except DAMAGE as error:
        log.warning("loading %s failed", name, exc_info=error)
        reason = (
            str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        )
        raise ChoraleError(
            Diagnostic(
                "M013",
                f"The files of '{name}' cannot be loaded: {reason}",
                "Copy the model's folder again.",
            )
        ) from error
