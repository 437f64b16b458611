"""Loading one network of a diffusers folder, frozen, from safetensors and nothing else."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from diffusers.utils import logging as diffusers_logging
from torch import Tensor
from torch.nn import Module, ModuleList
from transformers import AutoTokenizer
from transformers.utils import logging as transformers_logging

from graph.errors import ChoraleError, Diagnostic
from graph.folders import loaded_files, read_json, variant_of
from graph.machine import Machine

# A run has a progress bar of its own; those of loading would print across it.
diffusers_logging.disable_progress_bar()
transformers_logging.disable_progress_bar()


NEAR: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
"""Nothing is looked for elsewhere, and no code of a folder's is run, nor asked about."""


def frozen(family: Any, folder: Path, machine: Machine) -> Any:
    """A diffusers model class with the weights in `folder`, on the machine, in its precision."""
    model = family.from_pretrained(
        folder,
        torch_dtype=machine.precision,
        use_safetensors=True,
        low_cpu_mem_usage=False,
        variant=_variant(folder),
    )
    # where the first tensor is one that stays in float32, diffusers leaves all as they are stored
    if any(each.dtype != machine.precision for each in model.parameters()):
        model = model.to(machine.precision)
    return still(model, machine)


def frozen_reader(family: Any, folder: Path, machine: Machine) -> Any:
    """The same for a transformers model class."""
    model = family.from_pretrained(
        folder, dtype=machine.precision, use_safetensors=True, variant=_variant(folder)
    )
    return still(model, machine)


def tokenizer_of(name: str, folder: Path, **settings: Any) -> Any:
    """The tokenizer in a folder of the model `name`; ChoraleError M006 for one that is code."""
    try:
        return cast("Any", AutoTokenizer).from_pretrained(folder, **settings, **NEAR)
    except ValueError:
        config = folder / "tokenizer_config.json"
        if not config.is_file() or "auto_map" not in read_json(name, config):
            raise
        raise ChoraleError(
            Diagnostic(
                "M006",
                f"'{name}' wants code of its own for its part '{folder.name}', which Chorale "
                "never runs.",
                "Choose a model whose tokenizer is one of transformers.",
            )
        ) from None


def _variant(folder: Path) -> str | None:
    """The variant to load, such as fp16 of model.fp16.safetensors, where the plain one is not."""
    files = loaded_files(folder)
    return variant_of(files[0].name) or None if files else None


class LeftOut(Module):
    """A block through which everything passes as it came.

    Its first norm stays: a DiT's last layer reads time and class by that of the first block.
    """

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.norm1 = block.norm1

    def forward(self, hidden_states: Tensor, *args: Any, **more: Any) -> Tensor:
        """The states that came in."""
        return hidden_states


def lacking(network: Any, blocks: Sequence[int]) -> Any:
    """A transformer of diffusers with some of its blocks left out; all else is shared with it.

    ChoraleError M026 if it has no such block, or would have none left.
    """
    row = network.transformer_blocks
    if not blocks or max(blocks) >= len(row) or len(set(blocks)) == len(row):
        raise ChoraleError(
            Diagnostic(
                "M026",
                f"The network has {len(row)} blocks, numbered from 0; "
                f"{', '.join(map(str, blocks))} cannot be left out.",
                "Choose others, and leave some of them in.",
            )
        )
    twin = copy.copy(network)
    twin._modules = dict(network._modules)  # noqa: SLF001 - a copy shares its table of modules
    twin.transformer_blocks = ModuleList(
        LeftOut(block) if index in blocks else block for index, block in enumerate(row)
    )
    return twin


def still(model: Any, machine: Machine) -> Any:
    """A network on the machine, as quick as that asks, which learns no more."""
    return machine.speed.applied(model.to(machine.device).eval().requires_grad_(False))
