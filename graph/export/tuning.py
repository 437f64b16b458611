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


def plain(lora: Lora) -> bool:
    """Whether all that it adds is up·down."""
    changes = [each for layers in lora.parts.values() for each in layers.values()]
    return all({*each.keys} == {"down", "up"} for each in changes)


def layers_of(lora: Lora, model: Model) -> bytes:
    """How every layer is changed, by keys of the file: JSON, a line for each.

    Of a plain LoRA those of down and up, and alpha; where only some rows of up are for the layer,
    their stretches follow, from one to before another. Layers of a checkpoint of one file have no
    dots, since nothing tells where they were.
    """
    row = _thin if plain(lora) else _whole
    places = choosing.networks(model)
    found: list[str] = []
    for part in lora.parts:
        rows = ",\n".join(
            f"    {json.dumps(name)}: {json.dumps(row(each))}"
            for name, each in _changes(lora, model, part)
        )
        found.append(f"  {json.dumps(places[part])}: {{\n{rows}\n  }}")
    whole = ",\n".join(found)
    return f"{{\n{whole}\n}}\n".encode()


def _thin(change: Change) -> tuple[Any, ...]:
    return (change.keys["down"], change.keys["up"], change.alpha, *change.rows)


def _whole(change: Change) -> dict[str, Any]:
    """What is there of: kind, factors, alpha, rank, rows, lengths, axis, bias."""
    keys = change.keys
    row: dict[str, Any] = {"kind": change.kind}
    row["factors"] = {role: keys[role] for role in sorted(change.factors)}
    if change.rank is not None and change.alpha is not None:
        row |= {"alpha": change.alpha, "rank": change.rank}
    if change.rows:
        row["rows"] = change.rows
    if change.decomposed:
        row["lengths"] = keys.get("magnitude") or keys["scale"]
        row["axis"] = 0 if change.axis(change.shape) == 0 else 1
    if "bias" in keys:
        row["bias"] = keys["bias"]
    return row


def _changes(lora: Lora, model: Model, part: str) -> list[tuple[str, Change]]:
    """How the layers of a part are changed, by their names in diffusers."""
    if model.file is None:
        changes = lora.fitted(model.name, part, shapes_of(model.name, model.folder / part))
        return [(layer.removeprefix("text_model."), each) for layer, each in changes.items()]
    known: Mapping[str, str] = {}
    if part == "unet":
        known = _original(read_json(model.name, model.folder / "unet" / "config.json"))
    return [(_translated(layer, known), each) for layer, each in lora.parts[part].items()]


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
