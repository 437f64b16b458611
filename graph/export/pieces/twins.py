"""Weak twins."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor
from torch.nn import Module, ModuleList


class LeftOut(Module):
    """A block through which everything passes; its first norm stays, where others read by it."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.norm1 = block.norm1

    def forward(self, hidden_states: Tensor, *args: Any, **more: Any) -> Tensor:
        """The states that came in."""
        return hidden_states


def without(expert: Any, left_out: list[int]) -> Any:
    """The weak twin of an expert: its transformer with some of the blocks left out."""
    twin = copy.copy(expert)
    twin.transformer = copy.copy(expert.transformer)
    twin.transformer._modules = dict(twin.transformer._modules)  # noqa: SLF001 - its own table
    twin.transformer.transformer_blocks = ModuleList(
        LeftOut(block) if number in left_out else block
        for number, block in enumerate(expert.transformer.transformer_blocks)
    )
    return twin
