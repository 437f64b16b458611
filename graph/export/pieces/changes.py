"""LoRA's kin."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import Conv2d

from graph.export.pieces.hearing import by_rows, silent
from graph.export.pieces.loading import layers_of, read
from graph.export.pieces.settings import DEVICE, MODELS, PRECISION


class Changes:
    """What a file adds to weights: layers answer (W + weight·(alpha/rank)·ΔW)·x.

    `layers` says of each layer by which keys factors make ΔW, and which rows of it are meant. By
    the lengths of a DoRA (arXiv 2402.09353) rows (axis 0) or columns (1) of the sum are these.
    """

    def __init__(self, name: str, layers: Path, expert: Any) -> None:
        stored = load_file(MODELS / name)
        self.changes = []
        for place, rows in read(layers).items():
            found = layers_of(attrgetter(place)(expert))
            for layer, told in rows.items():
                self.changes.append((found[layer.replace(".", "_")], Change(told, stored)))

    def heard(self, weight: Any) -> ExitStack:
        """Within it the layers are changed."""
        hooks = ExitStack()
        for layer, change in [] if silent(weight) else self.changes:
            hooks.enter_context(layer.register_forward_hook(partial(change.heard, weight)))
        return hooks


class Change:
    """What is added to one layer."""

    def __init__(self, told: dict[str, Any], stored: dict[str, Tensor]) -> None:
        self.kind, self.rows, self.axis = told["kind"], told.get("rows"), told.get("axis")
        self.factors = {
            role: stored[key].to(DEVICE, PRECISION) for role, key in told["factors"].items()
        }
        alpha, rank = told.get("alpha"), told.get("rank")
        alpha = float(stored[alpha]) if isinstance(alpha, str) else alpha
        self.scale = alpha / rank if alpha is not None and rank else 1.0
        self.lengths = self.bias = None
        if "lengths" in told:
            lengths = stored[told["lengths"]].flatten().to(DEVICE)
            self.lengths = self.own(lengths) if self.axis == 0 else lengths
        if "bias" in told:
            self.bias = self.own(stored[told["bias"]]).to(DEVICE)

    def own(self, whole: Tensor) -> Tensor:
        """The rows that are meant."""
        return torch.cat([whole[start:stop] for start, stop in self.rows]) if self.rows else whole

    def heard(self, weight: Any, layer: Any, asked: tuple, answer: Tensor) -> Tensor:
        """The layer's answer with it, as loud as it is."""
        x, loud, changed = asked[0], by_rows(weight, answer), answer
        if self.factors:
            delta = self.scale * self.own(made(self.kind, self.factors)).reshape(layer.weight.shape)
            if self.lengths is None:
                changed = answer + loud * linear(layer, x, delta)
            else:
                changed = self.decomposed(layer, x, answer, loud, delta)
        if self.bias is not None:
            changed = changed + loud * along(layer, answer, self.bias[None].to(answer))
        return torch.where(loud == 0, answer, changed) if isinstance(loud, Tensor) else changed

    def decomposed(self, layer: Any, x: Tensor, answer: Tensor, loud: Any, delta: Tensor) -> Tensor:
        """lengths/‖W + loud·ΔW‖·(W + loud·ΔW)·x."""
        gains = []
        for each in loud.flatten() if isinstance(loud, Tensor) else [loud]:
            whole = (layer.weight + each * delta).float().movedim(self.axis, 0).flatten(1)
            gains.append(self.lengths / whole.norm(dim=1))
        gain = torch.stack(gains).to(answer)
        if self.axis == 1:
            gain = along(layer, x, gain)
            more = linear(layer, x * (gain - 1), layer.weight)
            return answer + more + loud * linear(layer, x * gain, delta)
        gain = along(layer, answer, gain)
        bias = 0 if layer.bias is None else along(layer, answer, layer.bias[None])
        return bias + gain * (answer - bias + loud * linear(layer, x, delta))


def made(kind: str, factors: dict[str, Tensor]) -> Tensor:
    """ΔW as a matrix: up·down, Hadamard's (loha) or Kronecker's (lokr) product, or itself."""
    if kind == "diff":
        return factors["diff"].flatten(1)
    if kind == "lora":
        down, up = factors["down"].flatten(1), factors["up"].flatten(1)
        return between(factors["mid"], up.T, down) if "mid" in factors else up @ down
    both = []
    for number in (1, 2):
        if f"w{number}" in factors:
            both.append(factors[f"w{number}"].flatten(1))
        else:
            left, right = factors[f"w{number}_a"], factors[f"w{number}_b"]
            core = factors.get(f"t{number}")
            thin = core is None
            both.append(left @ right.flatten(1) if thin else between(core, left, right))
    return both[0] * both[1] if kind == "loha" else torch.kron(*both)


def between(core: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """A kernel [r, s, h, w] with left [r, rows] and right [s, columns] multiplied to it."""
    return torch.einsum("rshw,ro,si->oihw", core, left, right).flatten(1)


def linear(layer: Any, x: Tensor, weight: Tensor) -> Tensor:
    """What a layer would answer with another weight and no bias."""
    if not isinstance(layer, Conv2d):
        return F.linear(x, weight)
    groups = layer.groups
    return F.conv2d(x, weight, None, layer.stride, layer.padding, layer.dilation, groups)


def along(layer: Any, like: Tensor, values: Tensor) -> Tensor:
    """Values [n, channels] as a factor of what a layer takes or answers, [n, …]."""
    if isinstance(layer, Conv2d):
        return values[:, :, None, None]
    return values.reshape(len(values), *(1,) * (like.ndim - 2), -1)
