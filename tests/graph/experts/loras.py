"""LoRA files of random numbers for small checkpoints, as people's tools write them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from graph.bfl import bfl_names
from graph.ldm import ldm_names

Networks = Mapping[str, torch.nn.Module]
KOHYA = {
    "unet": "lora_unet",
    "transformer": "lora_transformer",
    "text_encoder": "lora_te",
    "text_encoder_2": "lora_te2",
}
BFL: Mapping[str, Mapping[str, str]] = {
    "kohya": {"transformer": "lora_unet_", "text_encoder": "lora_te1_"},
    "dotted": {
        "transformer": "diffusion_model.",
        "text_encoder": "text_encoders.clip_l.transformer.",
    },
    "bare": {"transformer": ""},
}
ATTENTION = ("to_q", "to_k", "to_v", "to_out.0", "q_proj", "k_proj", "v_proj", "out_proj")


def attention(name: str) -> bool:
    """What most LoRAs change."""
    return name.endswith(ATTENTION)


def attention_or_t5(name: str) -> bool:
    """The same, in T5 too, and what lies between."""
    return attention(name) or name.endswith(("Attention.q", "Attention.v", ".wo"))


def everything(name: str) -> bool:
    """What LoCon changes: kernels too."""
    return True


def kohya(
    path: Path,
    networks: Networks,
    seed: int,
    *,
    wanted: Callable[[str], bool] = attention,
    alpha: float = 2.0,
    ldm: bool = False,
    axis: int | None = None,
    changes: Mapping[str, torch.Tensor] | None = None,
) -> Path:
    """A file of kohya's trainer; that for SDXL names the UNet's layers as latent diffusion did.

    A DoRA of LyCORIS or OneTrainer has lengths along an axis.
    """
    tensors: dict[str, torch.Tensor] = {}
    for part, name, down, up in _pairs(networks, seed, wanted):
        prefix = KOHYA[part]
        if "text_encoder_2" in networks and part == "text_encoder":
            prefix = "lora_te1"
        layer = ldm_names(_layers(networks[part]))[name] if ldm and part == "unet" else name
        if part.startswith("text_encoder") and not layer.startswith(
            ("text_model", "text_projection")
        ):
            layer = f"text_model.{layer}"
        key = f"{prefix}_{layer.replace('.', '_')}"
        tensors |= {f"{key}.lora_down.weight": down, f"{key}.lora_up.weight": up}
        tensors[f"{key}.alpha"] = torch.tensor(alpha)
        if axis is not None:
            tensors[f"{key}.dora_scale"] = lengths(networks[part], name, seed, axis)
    return _saved(path, {**tensors, **(changes or {})}, {"ss_network_module": "networks.lora"})


def bfl(
    path: Path,
    networks: Networks,
    seed: int,
    style: str = "kohya",
    *,
    wanted: Callable[[str], bool] = everything,
    alpha: float | None = 1.0,
    roles: tuple[str, str] = ("lora_down", "lora_up"),
) -> Path:
    """A file of Flux in the names of its original code, as kohya's trainer or others write them."""
    tensors: dict[str, torch.Tensor] = {}
    generator = torch.Generator().manual_seed(seed)
    for part, network in networks.items():
        shapes = {name: network.get_submodule(name).weight.shape for name in _layers(network)}
        names: Mapping[str, tuple[str, ...]] = {
            f"text_model.{name.removeprefix('text_model.')}": (name,) for name in shapes
        }
        if part == "transformer":
            names = bfl_names(shapes)
        for name, own in names.items():
            if not wanted(name):
                continue
            rows, columns = sum(shapes[each][0] for each in own), shapes[own[0]][1]
            layer = name.replace(".", "_") if style == "kohya" else name
            key = BFL[style][part] + layer
            down = torch.randn(2, columns, generator=generator) / columns**0.5
            tensors[f"{key}.{roles[0]}.weight"] = down
            tensors[f"{key}.{roles[1]}.weight"] = torch.randn(rows, 2, generator=generator) * 0.3
            if alpha is not None:
                # diffusers leaves out the alpha of the last layers, as if it were the rank
                strength = 2.0 if "final_layer" in name else alpha
                tensors[f"{key}.alpha"] = torch.tensor(strength)
    return _saved(path, tensors, {})


def peft(
    path: Path,
    networks: Networks,
    seed: int,
    *,
    wanted: Callable[[str], bool] = attention,
    alpha: float | None = None,
    dora: bool = False,
    **settings: Any,
) -> Path:
    """A file as diffusers saves it today, with what peft trained with in its note."""
    tensors: dict[str, torch.Tensor] = {}
    layers: dict[str, list[str]] = {}
    for part, name, down, up in _pairs(networks, seed, wanted):
        tensors |= {f"{part}.{name}.lora_A.weight": down, f"{part}.{name}.lora_B.weight": up}
        if dora:
            told = lengths(networks[part], name, seed, 0)
            # peft has those of kernels along the second axis
            told = told.flatten() if told.ndim == 2 else told.movedim(0, 1)
            tensors[f"{part}.{name}.lora_magnitude_vector"] = told
        layers.setdefault(part, []).append(name)
    note: dict[str, Any] = {}
    for part, names in layers.items():
        note |= {f"{part}.r": 2, f"{part}.lora_alpha": alpha, f"{part}.target_modules": names}
        note |= {f"{part}.use_dora": dora}
        note |= {f"{part}.{key}": value for key, value in settings.items()}
    noted = {} if alpha is None else {"lora_adapter_metadata": json.dumps(note)}
    return _saved(path, tensors, noted)


def lengths(network: torch.nn.Module, name: str, seed: int, axis: int) -> torch.Tensor:
    """Lengths of a decomposed weight as LyCORIS stores them: near those of the rows or columns."""
    weight: Any = network.get_submodule(name).weight.detach()
    own = torch.linalg.vector_norm(
        weight, dim=[each for each in range(weight.ndim) if each != axis], keepdim=True
    )
    generator = torch.Generator().manual_seed(seed + len(name))
    return own * (0.7 + 0.6 * torch.rand(own.shape, generator=generator))


def diffusers(path: Path, networks: Networks, seed: int) -> Path:
    """A file as diffusers saved it before it knew peft."""
    tensors: dict[str, torch.Tensor] = {}
    for part, name, down, up in _pairs(networks, seed, attention):
        if part == "unet":
            place, _, last = name.removesuffix(".0").rpartition(".")
            key = f"{part}.{place}.processor.{last}_lora"
        else:
            key = f"{part}.text_model.{name.removeprefix('text_model.')}.lora_linear_layer"
        tensors |= {f"{key}.down.weight": down, f"{key}.up.weight": up}
    return _saved(path, tensors, {})


def _layers(network: torch.nn.Module) -> list[str]:
    return [
        name
        for name, module in network.named_modules()
        if isinstance(module, torch.nn.Linear | torch.nn.Conv2d)
    ]


def _pairs(
    networks: Networks, seed: int, wanted: Callable[[str], bool]
) -> Iterator[tuple[str, str, torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    for part, network in networks.items():
        for name in filter(wanted, _layers(network)):
            layer: Any = network.get_submodule(name)
            rows, columns, *kernel = layer.weight.shape
            points = [1] * len(kernel)
            size = columns * math.prod(kernel)
            down = torch.randn(2, columns, *kernel, generator=generator) / size**0.5
            up = torch.randn(rows, 2, *points, generator=generator) * 0.3
            yield part, name, down, up


def _saved(path: Path, tensors: dict[str, torch.Tensor], notes: dict[str, str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: each.contiguous() for key, each in tensors.items()}, path, notes)
    return path
