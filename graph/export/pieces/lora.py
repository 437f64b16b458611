"""LoRA."""

from __future__ import annotations

from contextlib import ExitStack
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


class Lora:
    """A LoRA (arXiv 2106.09685): layers answer W·x + weight·(alpha/rank)·up·down·x.

    `layers` names the keys of a layer's down and up, and alpha: a key, a number, or none for the
    rank; then stretches of up's rows, if not all are for the layer. It does so by the network
    within the expert, and the layer within that.
    """

    def __init__(self, name: str, layers: Path, expert: Any) -> None:
        stored = load_file(MODELS / name)
        self.changes = []
        for place, rows in read(layers).items():
            found = layers_of(attrgetter(place)(expert))
            for layer, (down, up, alpha, *stretches) in rows.items():
                rank = len(stored[down])
                scale = (stored[alpha] if isinstance(alpha, str) else alpha or rank) / rank
                whole = stored[up]
                if stretches:
                    whole = torch.cat([whole[start:stop] for start, stop in stretches])
                pair = [each.to(DEVICE, PRECISION) for each in (stored[down], whole)]
                self.changes.append((found[layer.replace(".", "_")], *pair, float(scale)))

    def heard(self, weight: Any) -> ExitStack:
        """Within it the layers are changed."""
        hooks = ExitStack()
        for layer, down, up, scale in [] if silent(weight) else self.changes:

            def change(
                layer: Any,
                asked: tuple,
                answer: Tensor,
                down: Tensor = down,
                up: Tensor = up,
                scale: float = scale,
            ) -> Tensor:
                return answer + scale * by_rows(weight, answer) * thin(layer, asked[0], down, up)

            hooks.enter_context(layer.register_forward_hook(change))
        return hooks


def thin(layer: Any, x: Tensor, down: Tensor, up: Tensor) -> Tensor:
    """up·down·x, of a matrix or of a kernel."""
    if not isinstance(layer, Conv2d):
        return x @ down.flatten(1).T @ up.flatten(1).T
    down = down.reshape(len(down), -1, *layer.kernel_size)
    inner = F.conv2d(x, down, None, layer.stride, layer.padding, layer.dilation)
    return F.conv2d(inner, up.reshape(len(up), -1, 1, 1))
