"""Networks of a model: loaded from its folder, or converted from its one file."""

from __future__ import annotations

from typing import Any, cast

from diffusers import AutoencoderKL, ControlNetModel
from diffusers.loaders import single_file_utils
from safetensors import safe_open

from graph.companions import Companion
from graph.controlnets import ORIGINAL as ORIGINAL_CONTROLNET
from graph.controlnets import read_widths, settings_of
from graph.errors import ChoraleError, Diagnostic
from graph.folders import read_json
from graph.library import Model
from graph.machine import Machine
from graph.onefile import READERS, UNET, VAE
from graph.weights import frozen, frozen_reader, still

ORIGINAL: Any = single_file_utils
"""How diffusers renames the weights of the original code."""
UNTRAINED = ("embeddings.position_ids", "logit_scale")
"""Endings of what old files store and networks no longer have."""


def network_of(model: Model, part: str, family: Any, machine: Machine) -> Any:
    """A diffusers network of a model, frozen; ChoraleError M013 where the file lacks weights."""
    if model.file is None:
        return frozen(family, model.folder / part, machine)
    network = family.from_config(family.load_config(model.folder / part))
    start, rename = (
        (VAE, ORIGINAL.convert_ldm_vae_checkpoint)
        if family is AutoencoderKL
        else (UNET, ORIGINAL.convert_ldm_unet_checkpoint)
    )
    return _filled(model, part, network, rename(_stored(model, start), network.config), machine)


def reader_of(model: Model, part: str, family: Any, machine: Machine) -> Any:
    """The same for a text encoder of CLIP."""
    if model.file is None:
        return frozen_reader(family, model.folder / part, machine)
    config = family.config_class.from_pretrained(model.folder / part)
    network = family(config)
    start = READERS[model.pipeline][part]
    stored = _stored(model, start)
    if any(key.startswith(f"{start}transformer.") for key in stored):
        converted: dict[str, Any] = ORIGINAL.convert_ldm_clip_checkpoint(
            stored, f"{start}transformer."
        )
    else:
        converted = ORIGINAL.convert_open_clip_checkpoint(network, stored, prefix=f"{start}model.")
    if not hasattr(network, "text_model"):
        converted = {key.removeprefix("text_model."): each for key, each in converted.items()}
    return _filled(model, part, network, converted, machine)


def controlnet_of(companion: Companion, machine: Machine) -> Any:
    """The ControlNet of a folder or of one file, frozen; ChoraleError M013 as above."""
    if companion.file is None:
        return frozen(ControlNetModel, companion.folder, machine)
    widths = read_widths(companion.name, companion.file)
    unet = read_json(companion.name, companion.folder / "unet" / "config.json")
    network = cast("Any", ControlNetModel).from_config(settings_of(unet, widths))
    # where a file holds its UNet as well, only the layers of the ControlNet have that beginning
    stored = _stored(companion, ORIGINAL_CONTROLNET) or _stored(companion, "")
    renamed = ORIGINAL.convert_controlnet_checkpoint(stored, network.config)
    return _filled(companion, "ControlNet", network, renamed, machine)


def _stored(model: Model | Companion, start: str) -> dict[str, Any]:
    """The tensors of the file whose keys begin with `start`."""
    opened: Any = safe_open(model.file, "pt")
    with opened as file:
        keys: list[str] = file.keys()
        return {key: file.get_tensor(key) for key in keys if key.startswith(start)}


def _filled(
    model: Model | Companion, part: str, network: Any, converted: dict[str, Any], machine: Machine
) -> Any:
    """The network with its weights; ChoraleError M013 where some are missing or left over."""
    missing, strange = network.load_state_dict(converted, strict=False)
    ill = [*missing, *(key for key in strange if not key.endswith(UNTRAINED))]
    if ill:
        raise ChoraleError(
            Diagnostic(
                "M013",
                f"The files of '{model.name}' cannot be loaded: its {part} does not fit the "
                f"configs of '{model.folder.name}': {ill[0]} is "
                f"{'missing' if missing else 'left over'}.",
                "Copy the file again, or name the folder of its own base in a card beside it.",
            )
        )
    return still(network.to(machine.precision), machine)
