"""Files as LyCORIS writes them, of random numbers, and networks that peft changes by the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionPipeline
from peft import LoHaConfig, LoKrConfig, inject_adapter_in_model
from peft.tuners.lycoris_utils import LycorisLayer
from safetensors.torch import save_file

from tests.graph.experts import loras

FORMS: Mapping[str, Any] = {
    "loha": LoHaConfig(r=2, alpha=3),
    "loha with cores": LoHaConfig(r=2, alpha=3, use_effective_conv2d=True),
    "lokr": LoKrConfig(r=1, alpha=3),
    "lokr with cores": LoKrConfig(r=1, alpha=3, use_effective_conv2d=True),
    "lokr of thin factors": LoKrConfig(r=1, alpha=3, decompose_both=True, decompose_factor=4),
    "lokr of whole factors": LoKrConfig(r=8, alpha=3),
}
"""How peft is told to change a network, by what comes of it."""
NAMES = {
    "loha": ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2"),
    "lokr": ("lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2"),
}
Networks = Mapping[str, torch.nn.Module]


def changed(
    networks: Networks, form: str, seed: int, loud: float = 1.0, wanted: Any = None
) -> None:
    """Have peft change networks in place, by random numbers, so loudly."""
    generator = torch.Generator().manual_seed(seed)
    for network in networks.values():
        layers = list(filter(wanted or loras.everything, loras._layers(network)))
        config = FORMS[form]
        config.target_modules = layers
        inject_adapter_in_model(config, network)
        for layer in network.modules():
            if isinstance(layer, LycorisLayer):
                for each in _factors(layer, form).values():
                    each.data = torch.randn(each.shape, generator=generator) * 0.5
                if {"lokr_w1", "lokr_w2"} <= _factors(layer, form).keys():
                    layer.alpha["default"] = layer.r["default"]  # LyCORIS scales these by nothing
                layer.set_scale("default", loud)
        network.eval()


def written(path: Path, networks: Networks, form: str) -> Path:
    """The same as a file of LyCORIS."""
    tensors: dict[str, torch.Tensor] = {}
    for part, network in networks.items():
        for name, layer in network.named_modules():
            if isinstance(layer, LycorisLayer):
                own = "text_model." if part != "unet" and not name.startswith("text_") else ""
                key = f"{loras.KOHYA[part]}_{(own + name).replace('.', '_')}"
                for role, each in _factors(layer, form).items():
                    tensors[f"{key}.{role}"] = each.detach().clone().contiguous()
                tensors[f"{key}.alpha"] = torch.tensor(3.0)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, {"ss_network_module": "lycoris.kohya"})
    return path


def file_of(path: Path, base: Path, form: str, seed: int, wanted: Any = None) -> Path:
    """Such a file for the UNet and the text encoder of a folder."""
    pipeline = StableDiffusionPipeline.from_pretrained(base)
    networks = {"unet": pipeline.unet, "text_encoder": pipeline.text_encoder}
    changed(networks, form, seed, wanted=wanted)
    return written(path, networks, form)


def _factors(layer: Any, form: str) -> dict[str, Any]:
    found = {name: getattr(layer, name) for name in NAMES[form[:4]]}
    return {name: each["default"] for name, each in found.items() if "default" in each}


def differences(
    path: Path, networks: Networks, seed: int, *, biases: bool = True, wanted: Any = None
) -> Path:
    """A file of full differences, with those of biases."""
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, torch.Tensor] = {}
    for part, network in networks.items():
        for name in filter(wanted or loras.everything, loras._layers(network)):
            layer: Any = network.get_submodule(name)
            own = "text_model." if part != "unet" and not name.startswith("text_") else ""
            key = f"{loras.KOHYA[part]}_{(own + name).replace('.', '_')}"
            tensors[f"{key}.diff"] = torch.randn(layer.weight.shape, generator=generator) * 0.1
            if biases and layer.bias is not None:
                tensors[f"{key}.diff_b"] = torch.randn(len(layer.bias), generator=generator) * 0.1
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)
    return path
