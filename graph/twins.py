"""Twins: an expert whose networks LoRAs change, every weight shared with the expert itself."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor
from torch.nn import Conv2d, Linear, Module

from graph.errors import ChoraleError, Diagnostic
from graph.interfaces import Adaptable, Checkpoint, Expert, Heard, Tuning
from graph.levels import NoiseLevel
from graph.lora import Lora, Pair

Loudness = float | Tensor
"""The weight of a LoRA: a number, or one for each of n samples, [n]."""


@dataclass(frozen=True, slots=True)
class Delta:
    """What a LoRA adds to one layer's weight: scale·up·down, where scale is alpha/rank."""

    down: Tensor
    up: Tensor
    scale: float


Deltas = Mapping[str, Mapping[str, Delta]]
"""The deltas of a LoRA by the part of the pipeline, and by the name of the layer."""


class Dials(threading.local):
    """How loud each LoRA of a twin is now; runs that play beside each other each have their own."""

    def __init__(self) -> None:
        self.loud: Sequence[Loudness] = ()


class Changed(Module):
    """A Linear or Conv2d with what LoRAs add to its answer, each as loud as its dial says.

    layer(x) + Σ loud·alpha/rank·up(down(x)) (arXiv 2106.09685). A LoRA at zero is not asked, and
    leaves every bit. `deltas` are by the number of the dial.
    """

    def __init__(self, layer: Linear | Conv2d, deltas: Mapping[int, Delta], dials: Dials) -> None:
        super().__init__()
        self.layer = layer
        self._dials = dials
        self._deltas = {number: _shaped(layer, delta) for number, delta in deltas.items()}

    def forward(self, x: Tensor, *args: Any, **more: Any) -> Tensor:
        """The layer's own answer, and the changes."""
        answer = self.layer(x, *args, **more)
        for number, delta in self._deltas.items():
            loud = self._dials.loud[number]
            if isinstance(loud, Tensor):
                loud = loud.to(answer).reshape(-1, *(1,) * (answer.ndim - 1))
            elif not loud:
                continue
            answer = answer + self._change(x, delta) * (loud * delta.scale)
        return answer

    def _change(self, x: Tensor, delta: Delta) -> Tensor:
        layer = self.layer
        if isinstance(layer, Linear):
            return F.linear(F.linear(x, delta.down), delta.up)
        inner = F.conv2d(x, delta.down, None, layer.stride, layer.padding, layer.dilation)
        return F.conv2d(inner, delta.up)

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

    ChoraleError M040 where the LoRA was made for other networks.
    """
    networks = expert.networks()
    found: dict[str, dict[str, Delta]] = {}
    downs: dict[tuple[str, torch.dtype], Tensor] = {}  # layers that were one share it
    opened: Any = safe_open(lora.path, "pt")
    with opened as file:
        for part in lora.parts:
            network: Any = networks.get(part)
            weights: dict[str, Tensor] = network.state_dict() if network else {}
            shapes = {key: tuple(value.shape) for key, value in weights.items()}
            for layer, pair in lora.fitted(name, part, shapes).items():
                _check_layer(lora, name, part, network, layer)
                # some layers stay in float32 beside a network of float16, such as some of T5
                like = weights[f"{layer}.weight"]
                key = pair.down, like.dtype
                if key not in downs:
                    downs[key] = file.get_tensor(pair.down).to(like)
                down, up = downs[key], _rows(file, pair).to(like)
                alpha = pair.alpha
                if isinstance(alpha, str):
                    alpha = float(file.get_tensor(alpha))
                rank = len(down)
                scale = 1.0 if alpha is None else alpha / rank
                found.setdefault(part, {})[layer] = Delta(down, up, scale)
    return found


def _rows(file: Any, pair: Pair) -> Tensor:
    """What of up is for the layer."""
    if not pair.rows:
        return file.get_tensor(pair.up)
    up = file.get_slice(pair.up)
    return torch.cat([up[start:stop] for start, stop in pair.rows])


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


def _shaped(layer: Linear | Conv2d, delta: Delta) -> Delta:
    """Matrices for a matrix, kernels for a kernel: files write either for a kernel of one point."""
    down, up = delta.down, delta.up
    if isinstance(layer, Linear):
        return Delta(down.flatten(1), up.flatten(1), delta.scale)
    rank, rows = up.shape[1], up.shape[0]
    return Delta(
        down.reshape(rank, -1, *layer.kernel_size), up.reshape(rows, rank, 1, 1), delta.scale
    )
