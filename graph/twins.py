"""Twins: an expert whose networks LoRAs change, every weight shared with the expert itself."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch
from safetensors import safe_open
from torch import Tensor
from torch.nn import Conv2d, Linear, Module

from graph.deltas import Delta, Loudness, delta_of
from graph.errors import ChoraleError, Diagnostic
from graph.interfaces import Adaptable, Checkpoint, Expert, Heard, Tuning
from graph.levels import NoiseLevel
from graph.lora import Lora

Deltas = Mapping[str, Mapping[str, Delta]]
"""The deltas of a LoRA by the part of the pipeline, and by the name of the layer."""


class Dials(threading.local):
    """How loud each LoRA of a twin is now; runs that play beside each other each have their own."""

    def __init__(self) -> None:
        self.loud: Sequence[Loudness] = ()


class Changed(Module):
    """A Linear or Conv2d with what LoRAs add to its answer, each as loud as its dial says.

    One at zero is not asked, and leaves every bit. `deltas` are by the number of the dial.
    """

    def __init__(self, layer: Linear | Conv2d, deltas: Mapping[int, Delta], dials: Dials) -> None:
        super().__init__()
        self.layer = layer
        self._dials = dials
        self._deltas = deltas

    def forward(self, x: Tensor, *args: Any, **more: Any) -> Tensor:
        """The layer's own answer, and the changes."""
        answer = self.layer(x, *args, **more)
        for number, delta in self._deltas.items():
            loud = self._dials.loud[number]
            if isinstance(loud, Tensor) or loud:
                answer = delta.heard(self.layer, x, answer, loud)
        return answer

    def __getattr__(self, name: str) -> Any:
        """What a network looks up on its layer, such as the type of its weight."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("layer"), name)


class Tuned(Expert):
    """An expert with LoRAs, by their names; it weighs no more than the LoRAs themselves.

    Those that are heard change its networks, as loudly as they are; with none it is the expert
    itself that answers. Every sample may have a loudness of its own; that of a map is its mean.
    """

    def __init__(self, expert: Checkpoint, deltas: Mapping[str, Deltas]) -> None:
        self.has_null, self.codec = expert.has_null, expert.codec
        self.canvas, self.preview = expert.canvas, expert.preview
        self.device = expert.device
        self._expert, self._names, self._dials = expert, tuple(deltas), Dials()
        networks = dict(expert.networks())
        for part, network in networks.items():
            found = [each.get(part, {}) for each in deltas.values()]
            if any(found):
                networks[part] = _twin(network, found, self._dials)
        self._twin = expert.exchanged(networks)

    def resized(self, canvas: tuple[int, int]) -> Self:
        """The same, its weights and LoRAs shared, for pictures of another width and height."""
        other = super().resized(canvas)
        expert, twin = (each.resized(canvas) for each in (self._expert, self._twin))
        vars(other).update(_expert=expert, _twin=twin)
        return other

    def encode(self, value: Any) -> Any:
        """A condition as the expert reads it without LoRAs."""
        return self._expert.encode(value)

    def reader(self, loud: Mapping[str, float]) -> Reading:
        """What reads conditions as the LoRAs change it, as loudly as they are now."""
        return Reading(self, loud)

    def denoise(
        self,
        x: Tensor,
        level: NoiseLevel,
        conditions: Sequence[Any],
        heard: Sequence[Heard] = (),
    ) -> Tensor:
        """D(x) of n states, in one forward pass."""
        loud: dict[str, Loudness] = {}
        telling: list[Heard] = []
        for each in heard:
            if isinstance(each.adapter, Tuning):
                name = each.adapter.name
                loud[name] = loud.get(name, 0.0) + each.weight.mean((1, 2, 3))
            else:
                telling.append(each)
        expert = self.at(loud)
        if not telling:
            return expert.denoise(x, level, conditions)
        if not isinstance(expert, Adaptable):
            raise TypeError(f"{type(expert).__name__} is told nothing by adapters")
        return expert.denoise(x, level, conditions, telling)

    def at(self, loud: Mapping[str, Loudness]) -> Checkpoint:
        """What answers, in this thread, until it is asked with others: with none the expert."""
        found = tuple(loud.get(name, 0.0) for name in self._names)
        if all(isinstance(each, int | float) and each == 0 for each in found):
            return self._expert
        self._dials.loud = found
        return self._twin


class Reading:
    """The reader of an expert whose LoRAs stand still."""

    def __init__(self, tuned: Tuned, loud: Mapping[str, float]) -> None:
        self.canvas = tuned.canvas
        self._tuned, self._loud = tuned, loud

    def encode(self, value: Any) -> Any:
        """The condition as tensors."""
        return self._tuned.at(self._loud).encode(value)


def deltas_of(lora: Lora, name: str, expert: Checkpoint) -> Deltas:
    """The tensors of a LoRA for the expert `name`, on its device and of its type.

    ChoraleError M040 or M057 where the LoRA was made for other networks.
    """
    networks = expert.networks()
    found: dict[str, dict[str, Delta]] = {}
    held: dict[tuple[str, torch.dtype], Tensor] = {}
    opened: Any = safe_open(lora.path, "pt")
    with opened as file:
        for part in lora.parts:
            network: Any = networks.get(part)
            weights: dict[str, Tensor] = network.state_dict() if network else {}
            shapes = {key: tuple(value.shape) for key, value in weights.items()}
            for layer, change in lora.fitted(name, part, shapes).items():
                _check_layer(lora, name, part, network, layer)
                # some layers stay in float32 beside a network of float16, such as some of T5
                like = weights[f"{layer}.weight"]
                found.setdefault(part, {})[layer] = delta_of(change, file, like, held)
    return found


def _check_layer(lora: Lora, name: str, part: str, network: Any, layer: str) -> None:
    """M040 for a layer of a kind that no LoRA changes, such as an embedding."""
    found: Any = network.get_submodule(layer)
    if not isinstance(found, Linear | Conv2d):
        raise ChoraleError(
            Diagnostic(
                "M040",
                f"'{lora.name}' changes {layer} in the {part} of '{name}', "
                f"of the class {type(found).__name__}: expected a Linear or Conv2d.",
                "Choose a LoRA that was made for this base.",
            )
        )


def _twin(network: Any, deltas: Sequence[Mapping[str, Delta]], dials: Dials) -> Any:
    """The network with layers changed; its weights and buffers are the network's very own."""
    kept = [*network.parameters(), *network.buffers()]
    copied = copy.deepcopy(network, {id(each): each for each in kept})
    for module in copied.modules():
        module._forward_hooks.clear()  # noqa: SLF001 - an adapter of another run may just be heard
    for name in dict.fromkeys(name for each in deltas for name in each):
        place, _, last = name.rpartition(".")
        above: Any = copied.get_submodule(place)
        found = {number: each[name] for number, each in enumerate(deltas) if name in each}
        above.register_module(last, Changed(above.get_submodule(last), found, dials))
    return copied
