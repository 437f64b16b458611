"""The names that latent diffusion (arXiv 2112.10752) gave the layers of its UNet.

Checkpoints of one file and LoRAs of SDXL use them; diffusers has names of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

ENDS = {
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
}
RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
BLOCK = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)")
MIDDLE = re.compile(r"mid_block\.(resnets|attentions)\.(\d+)")


def ldm_names(layers: Iterable[str]) -> Mapping[str, str]:
    """What latent diffusion calls each layer of a whole UNet, by the name in diffusers.

    A layer for which it had no name keeps its own.
    """
    names = tuple(layers)
    found = [match for match in map(BLOCK.match, names) if match]
    # a block down has so many parts besides its last, which halves; so many a block up has in all
    row = 1 + len({each[4] for each in found if each[1] == "down" and each[3] == "resnets"})
    attends = {each[2] for each in found if each[1] == "up" and each[3] == "attentions"}
    return {name: _ldm_name(name, row, attends) for name in names}


def _ldm_name(name: str, row: int, attends: set[str]) -> str:
    if name in ENDS:
        return ENDS[name]
    block, middle = BLOCK.match(name), MIDDLE.match(name)
    if block:
        way, number, kind, place = block[1], int(block[2]), block[3], int(block[4])
        rest = name[block.end() + 1 :]
        if kind == "downsamplers":
            return f"input_blocks.{(number + 1) * row}.0.op"
        if kind == "upsamplers":
            last = 2 if block[2] in attends else 1
            return f"output_blocks.{(number + 1) * row - 1}.{last}.conv"
        side = "input" if way == "down" else "output"
        index = number * row + place + (way == "down")
        inner = f"0.{RESNET.get(rest, rest)}" if kind == "resnets" else f"1.{rest}"
        return f"{side}_blocks.{index}.{inner}"
    if middle:
        rest, place = name[middle.end() + 1 :], int(middle[2])
        if middle[1] == "resnets":
            return f"middle_block.{2 * place}.{RESNET.get(rest, rest)}"
        return f"middle_block.1.{rest}"
    return name
