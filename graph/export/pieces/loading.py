"""Loading networks and sentences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer

from graph.export.pieces.settings import DEVICE, PRECISION


def load(family: Any, folder: Path, **more: Any) -> Any:
    """A network of diffusers or transformers with the weights of a folder, frozen."""
    plain = [path for path in folder.glob("*.safetensors") if path.name.count(".") == 1]
    variant = None if plain else next(folder.glob("*.safetensors")).name.split(".")[1]
    variant = variant and variant.partition("-")[0]  # such as fp16
    network = family.from_pretrained(folder, variant=variant, use_safetensors=True, **more)
    if network.dtype != PRECISION:
        network = network.to(PRECISION)
    return network.to(DEVICE).eval().requires_grad_(False)


def read(file: Path) -> dict[str, Any]:
    """A configuration file of a checkpoint."""
    return json.loads(file.read_text())


def layers_of(network: Any) -> dict[str, Any]:
    """The layers of a network by their names, with _ for the dots in them."""
    return {
        name.removeprefix("text_model.").replace(".", "_"): layer
        for name, layer in network.named_modules()
    }


def tokenizer_of(folder: Path, **more: Any) -> Any:
    """The tokenizer of a folder; code that lies in it is never run, nor asked about."""
    return AutoTokenizer.from_pretrained(folder, trust_remote_code=False, **more)


def tokens(tokenizer: Any, sentence: str, length: int) -> Any:
    """A sentence as tokens, padded or cut to a length."""
    return tokenizer(
        sentence,
        padding="max_length",
        max_length=length,
        truncation=True,
        return_tensors="pt",
    ).to(DEVICE)


def every(prompts: list, count: int) -> list:
    """The prompts of all states, those of one after another; a list has one for each sample."""
    lists = (each if isinstance(each, list) else [each] * count for each in prompts)
    return [prompt for told in lists for prompt in told]


def filled(like: torch.Tensor, value: float) -> torch.Tensor:
    """One value for every sample of a batch: a network's time."""
    return torch.full((len(like),), value, device=like.device)
