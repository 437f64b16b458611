"""Tuning: which keys of a LoRA change which layer of an expert, as a table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from graph.changes import Change
from graph.export import choosing
from graph.folders import read_json
from graph.headers import shapes_of
from graph.ldm import ENDS, RESNET, ldm_names
from graph.library import Model
from graph.lora import Lora

REST = "rest"
"""Stands for whatever is within a block of attention, which has one name in both tongues."""


def layers_of(lora: Lora, model: Model) -> bytes:
    """The keys of down and up, and alpha, for every layer: JSON, a line for each.

    Where only some rows of up are for the layer, their stretches follow, from one to before
    another. Layers of a checkpoint of one file have no dots, since nothing tells where they were.
    """
    places = choosing.networks(model)
    found: list[str] = []
    for part in lora.parts:
        keys = {
            name: (each.keys["down"], each.keys["up"], each.alpha, *each.rows)
            for name, each in _pairs(lora, model, part)
        }
        rows = ",\n".join(f"    {json.dumps(at)}: {json.dumps(row)}" for at, row in keys.items())
        found.append(f"  {json.dumps(places[part])}: {{\n{rows}\n  }}")
    whole = ",\n".join(found)
    return f"{{\n{whole}\n}}\n".encode()


def _pairs(lora: Lora, model: Model, part: str) -> list[tuple[str, Change]]:
    """How the layers of a part are changed, by their names in diffusers."""
    if model.file is None:
        pairs = lora.fitted(model.name, part, shapes_of(model.name, model.folder / part))
        return [(layer.removeprefix("text_model."), pair) for layer, pair in pairs.items()]
    known: Mapping[str, str] = {}
    if part == "unet":
        known = _original(read_json(model.name, model.folder / "unet" / "config.json"))
    return [(_translated(layer, known), pair) for layer, pair in lora.parts[part].items()]


def _translated(layer: str, known: Mapping[str, str]) -> str:
    """What diffusers calls a layer; `known` are those of the original code, without dots."""
    head = next((each for each in known if layer.startswith(f"{each}_")), None)
    if layer in known or head is None:
        return known.get(layer, layer)
    return known[head] + layer.removeprefix(head)


def _original(config: Mapping[str, Any]) -> dict[str, str]:
    """What diffusers calls the layers and blocks of attention of a UNet, by the original names."""
    count: int = config["layers_per_block"]
    names = [*ENDS, f"mid_block.attentions.0.{REST}"]
    names += [f"mid_block.resnets.{place}.{each}" for place in (0, 1) for each in RESNET]
    for side, more in (("down", 0), ("up", 1)):
        for number, kind in enumerate(config[f"{side}_block_types"]):
            block = f"{side}_blocks.{number}"
            for place in range(count + more):
                names += [f"{block}.resnets.{place}.{each}" for each in RESNET]
                names += [f"{block}.attentions.{place}.{REST}"] if "Attn" in kind else []
            names.append(f"{block}.{side}samplers.0.conv")
    return {
        old.replace(".", "_").removesuffix(f"_{REST}"): name.replace(".", "_").removesuffix(
            f"_{REST}"
        )
        for name, old in ldm_names(names).items()
    }
