"""Deltas: what LoRA and its kin add to the answer of one layer, made of factors as it is asked."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Conv2d, Linear

from graph.bfl import Rows
from graph.changes import Change

Layer = Linear | Conv2d
Loudness = float | Tensor
"""The weight of a LoRA: a number, or one for each of n samples, [n]."""
Held = MutableMapping[tuple[str, torch.dtype], Tensor]
"""Factors by key and type: layers that were one in a file share them."""
CUT = {"lora": "up", "diff": "diff"}
"""The factor whose rows are those of ΔW; of others ΔW itself is cut."""


@dataclass(frozen=True, slots=True, eq=False)
class Lengths:
    """How long the rows (axis 0) or columns (1) of a decomposed weight are: `told`, [k].

    ‖W + c·ΔW‖² is own + 2c·cross + c²·added for any loudness c, so that it costs nothing to move
    the fader; these three are [k] in single precision.
    """

    axis: int
    told: Tensor
    own: Tensor
    cross: Tensor
    added: Tensor

    @classmethod
    def of(cls, axis: int, told: Tensor, weight: Tensor, change: Tensor) -> Lengths:
        """From the weight of a layer and ΔW, which has its shape."""
        one, other = (each.float().movedim(axis, 0).flatten(1) for each in (weight, change))
        sums = (one * one).sum(1), (one * other).sum(1), (other * other).sum(1)
        return cls(axis, told.flatten().to(one), *sums)

    def gain(self, loud: Tensor) -> Tensor:
        """By how much rows or columns of W + c·ΔW are to be longer, [n, k], for c of [n]."""
        c = loud.to(self.own)[:, None]
        squares = self.own + 2 * c * self.cross + c * c * self.added
        return self.told / squares.clamp_min(torch.finfo(squares.dtype).tiny).sqrt()


@dataclass(frozen=True, slots=True, eq=False)
class Delta:
    """What a LoRA adds to one layer: scale·ΔW, where `factors` make ΔW, and scale is alpha/rank.

    Where `lengths` are told, the sum has these (DoRA, arXiv 2402.09353).
    """

    kind: str
    factors: Mapping[str, Tensor]
    scale: float
    rows: Rows = ()
    bias: Tensor | None = None
    lengths: Lengths | None = None

    def heard(self, layer: Layer, x: Tensor, answer: Tensor, loud: Loudness) -> Tensor:
        """The answer so far, [n, …], with this as loud as it is; at zero every bit of it.

        Of several the next finds the answer that the last has left, as peft has it.
        """
        amount = _by_rows(answer, loud)
        if self.lengths is None:
            if self.factors:
                answer = answer + self.change(layer, x) * (amount * self.scale)
            changed = answer
        else:
            changed = self._decomposed(layer, x, answer, loud, self.lengths)
        if self.bias is not None:
            changed = changed + _along(layer, answer, self.bias[None]) * amount
        if self.lengths is None or not isinstance(amount, Tensor):
            return changed
        return torch.where(amount == 0, answer, changed)

    def _decomposed(
        self, layer: Layer, x: Tensor, answer: Tensor, loud: Loudness, lengths: Lengths
    ) -> Tensor:
        """m/‖W + c·ΔW‖·(W + c·ΔW)·x, by rows or columns."""
        scaled = torch.as_tensor(loud, device=x.device).reshape(-1) * self.scale
        amount = _by_rows(answer, loud) * self.scale
        gain = lengths.gain(scaled).to(answer)
        if lengths.axis == 1:
            gain = _along(layer, x, gain)
            more = _ask(layer, x * (gain - 1), layer.weight)
            return answer + more + self.change(layer, x * gain) * amount
        gain = _along(layer, answer, gain)
        linear = answer if layer.bias is None else answer - _along(layer, answer, layer.bias[None])
        return answer + (gain - 1) * linear + self.change(layer, x) * (gain * amount)

    def change(self, layer: Layer, x: Tensor) -> Tensor:
        """ΔW·x; thin factors one after the other, of others ΔW is made and left again."""
        if {*self.factors} != {"down", "up"} or getattr(layer, "groups", 1) > 1:
            return _ask(layer, x, self.weight(layer.weight.shape))
        down, up = self.factors["down"], self.factors["up"].flatten(1)
        if isinstance(layer, Linear):
            return F.linear(F.linear(x, down.flatten(1)), up)
        kernel = down.reshape(len(down), -1, *layer.kernel_size)
        return F.conv2d(_ask(layer, x, kernel), up[:, :, None, None])

    def weight(self, shape: torch.Size) -> Tensor:
        """ΔW in the shape that the layer's weight has."""
        whole = _made(self.kind, self.factors)
        if self.rows:
            whole = torch.cat([whole[start:stop] for start, stop in self.rows])
        return whole.reshape(shape)

    def tensors(self) -> list[Tensor]:
        """All that it holds."""
        lengths = self.lengths
        held = [] if self.bias is None else [self.bias]
        if lengths is not None:
            held += [lengths.told, lengths.own, lengths.cross, lengths.added]
        return [*self.factors.values(), *held]


def delta_of(change: Change, file: Any, weight: Tensor, held: Held) -> Delta:
    """What a change adds to a layer of this weight, on its device and of its type.

    `file` is opened by safetensors; what `held` has already is shared.
    """
    cut = CUT.get(change.kind) if change.rows else None
    factors: dict[str, Tensor] = {}
    for role in sorted(change.factors):
        key = change.keys[role]
        if role == cut:
            factors[role] = _rows(file, key, change.rows).to(weight)
            continue
        if (key, weight.dtype) not in held:
            held[key, weight.dtype] = file.get_tensor(key).to(weight)
        factors[role] = held[key, weight.dtype]
    alpha, rank = change.alpha, change.rank
    if isinstance(alpha, str):
        alpha = float(file.get_tensor(alpha))
    scale = 1.0 if alpha is None or rank is None else alpha / rank
    bias = (
        _rows(file, change.keys["bias"], change.rows).to(weight) if "bias" in change.keys else None
    )
    delta = Delta(change.kind, factors, scale, () if cut else change.rows, bias)
    return (
        replace(delta, lengths=_lengths(change, file, weight, delta))
        if change.decomposed
        else delta
    )


def _lengths(change: Change, file: Any, weight: Tensor, delta: Delta) -> Lengths:
    """How long rows or columns of a layer are to be; those of several layers are rows."""
    axis = change.axis(weight.shape) or 0
    told: Tensor = file.get_tensor(change.keys.get("magnitude") or change.keys["scale"]).flatten()
    if change.rows and axis == 0:
        told = torch.cat([told[start:stop] for start, stop in change.rows])
    return Lengths.of(axis, told, weight, delta.weight(weight.shape))


def _rows(file: Any, key: str, rows: Rows) -> Tensor:
    """What of a tensor is for the layer."""
    if not rows:
        return file.get_tensor(key)
    whole = file.get_slice(key)
    return torch.cat([whole[start:stop] for start, stop in rows])


def _made(kind: str, factors: Mapping[str, Tensor]) -> Tensor:
    """ΔW as a matrix [rows, …]."""
    if kind == "diff":
        return factors["diff"].flatten(1)
    if kind == "lora":
        down, up = factors["down"].flatten(1), factors["up"].flatten(1)
        return _product(up.T, down, factors["mid"]) if "mid" in factors else up @ down
    first, second = _factor(factors, 1), _factor(factors, 2)
    return first * second if kind == "loha" else torch.kron(first, second)


def _factor(factors: Mapping[str, Tensor], number: int) -> Tensor:
    """The first or second factor as a matrix [rows, …]."""
    if f"w{number}" in factors:
        return factors[f"w{number}"].flatten(1)
    left, right = factors[f"w{number}_a"], factors[f"w{number}_b"]
    core = factors.get(f"t{number}")
    return left @ right.flatten(1) if core is None else _product(left, right, core)


def _product(left: Tensor, right: Tensor, core: Tensor) -> Tensor:
    """core ×₁ left ×₂ right as a matrix: left [r, rows], right [s, columns], core [r, s, h, w]."""
    return torch.einsum("rshw,ro,si->oihw", core, left, right).flatten(1)


def _ask(layer: Layer, x: Tensor, weight: Tensor) -> Tensor:
    """What the layer would answer with another weight and no bias."""
    if isinstance(layer, Linear):
        return F.linear(x, weight)
    groups = layer.groups
    return F.conv2d(x, weight, None, layer.stride, layer.padding, layer.dilation, groups)


def _by_rows(answer: Tensor, loud: Loudness) -> Loudness:
    """A loudness as a factor of an answer [n, …]."""
    if not isinstance(loud, Tensor):
        return loud
    return loud.to(answer).reshape(-1, *(1,) * (answer.ndim - 1))


def _along(layer: Layer, like: Tensor, values: Tensor) -> Tensor:
    """Values [n, channels] as a factor of a tensor [n, …] that a layer takes or answers."""
    if isinstance(layer, Conv2d):
        return values[:, :, None, None]
    return values.reshape(len(values), *(1,) * (like.ndim - 2), -1)
