"""Loading one network of a diffusers folder, frozen, from safetensors and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from graph.machine import Machine

# A run has a progress bar of its own; those of loading would print across it.
diffusers_logging.disable_progress_bar()
transformers_logging.disable_progress_bar()


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
    return _still(model, machine)


def frozen_reader(family: Any, folder: Path, machine: Machine) -> Any:
    """The same for a transformers model class."""
    model = family.from_pretrained(
        folder, dtype=machine.precision, use_safetensors=True, variant=_variant(folder)
    )
    return _still(model, machine)


def _variant(folder: Path) -> str | None:
    """The variant to load, such as fp16 of model.fp16.safetensors, where the plain one is not."""
    names = [path.name.split(".") for path in sorted(folder.glob("*.safetensors"))]
    if not names or any(len(name) == 2 for name in names):
        return None
    return names[0][1].partition("-")[0]  # a part of several is model.fp16-00001-of-00002


def _still(model: Any, machine: Machine) -> Any:
    return model.to(machine.device).eval().requires_grad_(False)
