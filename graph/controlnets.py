"""ControlNets of one file, as people share them; told by their headers without torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from graph.companions import ALIKE, AdapterCard, Companion, no_adapter
from graph.errors import ChoraleError, Diagnostic
from graph.headers import Header, header

NETWORK = "ControlNetModel"
ORIGINAL = "control_model."
"""How the keys begin of a file that holds more than its ControlNet."""
HINTS = re.compile(
    r"(?:input_hint_block\.(?P<original>\d{1,3})|controlnet_cond_embedding\."
    r"(?:(?P<first>conv_in)|blocks\.(?P<block>\d{1,3})|conv_out))\.weight"
)
"""The layers that read the picture, by their original names and by those of diffusers."""
FIRST = ("input_blocks.0.0.weight", "conv_in.weight")
ZEROS = ("zero_convs.0.0.weight", "controlnet_down_blocks.0.weight")
OTHERS: Mapping[str, str] = {
    "lora_controlnet": "a Control-LoRA, which is the difference to a UNet",
    "task_embedding": "a union of ControlNets, which has to be told what its picture is",
}
"""Keys that others have beside those of a ControlNet."""
SHARED = (
    "act_fn",
    "addition_embed_type",
    "addition_embed_type_num_heads",
    "addition_time_embed_dim",
    "attention_head_dim",
    "block_out_channels",
    "class_embed_type",
    "cross_attention_dim",
    "down_block_types",
    "downsample_padding",
    "encoder_hid_dim",
    "encoder_hid_dim_type",
    "flip_sin_to_cos",
    "freq_shift",
    "in_channels",
    "layers_per_block",
    "mid_block_scale_factor",
    "mid_block_type",
    "norm_eps",
    "norm_num_groups",
    "num_attention_heads",
    "num_class_embeds",
    "only_cross_attention",
    "projection_class_embeddings_input_dim",
    "resnet_time_scale_shift",
    "transformer_layers_per_block",
    "upcast_attention",
    "use_linear_projection",
)
"""Settings that a ControlNet has of the UNet that it was copied from; a test holds them so."""


@dataclass(frozen=True, slots=True)
class Widths:
    """What the header of a ControlNet says of the UNet that it was copied from.

    `channels` is how many its first layer takes and `width` how many it gives, `words` the width
    of the words that it reads; `hints` are the channels of the layers that read its picture.
    """

    channels: int
    width: int
    words: int
    hints: tuple[int, ...]

    def fits(self, unet: Mapping[str, Any]) -> bool:
        """Whether this is the configuration of such a UNet."""
        widths: Any = unet.get("block_out_channels")
        several = cast("list[object]", widths) if isinstance(widths, list) else []
        found = unet.get("in_channels"), next(iter(several), None), unet.get("cross_attention_dim")
        return found == (self.channels, self.width, self.words)

    def __str__(self) -> str:
        return f"a UNet with a first layer {self.width} wide and words {self.words} wide"


def is_controlnet(found: Header) -> bool:
    """Whether a file holds a ControlNet, by its original names or those of diffusers."""
    return any(key.removeprefix(ORIGINAL) in ZEROS for key in found.shapes)


def read_widths(name: str, path: Path) -> Widths:
    """Read the header of a ControlNet; ChoraleError M013 or M038."""
    shapes = {key.removeprefix(ORIGINAL): shape for key, shape in header(name, path).shapes.items()}
    for key, found in OTHERS.items():
        if key in shapes:
            raise ChoraleError(no_adapter(name, found))
    first: tuple[int, ...] = next((shapes[key] for key in FIRST if key in shapes), ())
    words = [shape for key, shape in shapes.items() if key.endswith("attn2.to_k.weight")]
    read = ((HINTS.fullmatch(key), shape) for key, shape in shapes.items())
    hints = sorted((_place(found), shape) for found, shape in read if found)
    whole = words and all(len(each) == 2 for each in words)
    if not whole or len(first) != 4 or len(hints) < 4 or any(len(shape) != 4 for _, shape in hints):
        raise ChoraleError(no_adapter(name, "a ControlNet that lacks some of its layers"))
    if hints[0][1][1] != 3:
        shown = f"a ControlNet that is shown {hints[0][1][1]} channels, not a picture's three"
        raise ChoraleError(no_adapter(name, shown))
    return Widths(first[1], first[0], words[0][1], tuple(shape[0] for _, shape in hints[:-1:2]))


def open_controlnet(name: str, path: Path, folder: Path, unet: Mapping[str, Any]) -> Companion:
    """The ControlNet of a file, with the folder that lends it the configuration of its UNet."""
    told = tuple((wanted, unet.get(wanted)) for wanted in ALIKE[NETWORK].values())
    return Companion(name, folder, AdapterCard(network=told), NETWORK, path)


def settings_of(unet: Mapping[str, Any], widths: Widths) -> dict[str, Any]:
    """The settings of a ControlNet of diffusers that was copied from such a UNet."""
    shared = {name: unet[name] for name in SHARED if name in unet}
    return {**shared, "conditioning_embedding_out_channels": list(widths.hints)}


def no_base(name: str, widths: Widths) -> ChoraleError:
    """M041 where no folder has the configuration that a ControlNet is loaded with."""
    return ChoraleError(
        Diagnostic(
            "M041",
            f"'{name}' has no configuration in it, and no folder is one of {widths}.",
            "Fetch that of the model it was made for: python app.py fetch OWNER/NAME --configs; "
            "or copy its .json and .txt files, in their folders, below the model folder.",
        )
    )


def _place(found: re.Match[str]) -> int:
    """Where a layer stands among those that read the picture."""
    if found["first"]:
        return -1
    return int(found["original"] or found["block"] or 1000)
