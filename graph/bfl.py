"""The names that the original code of Black Forest Labs gave the layers of Flux.

Most LoRAs of Flux use them. A layer there may be several of diffusers, one below another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

Rows = tuple[tuple[int, int], ...]
"""Stretches of rows, from one to before another, that are put one below another; () is all."""

QUERY_KEY_VALUE = ("attn.to_q", "attn.to_k", "attn.to_v")
DOUBLE = {
    "img_attn.qkv": QUERY_KEY_VALUE,
    "img_attn.proj": ("attn.to_out.0",),
    "img_mlp.0": ("ff.net.0.proj",),
    "img_mlp.2": ("ff.net.2",),
    "img_mod.lin": ("norm1.linear",),
    "txt_attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
    "txt_attn.proj": ("attn.to_add_out",),
    "txt_mlp.0": ("ff_context.net.0.proj",),
    "txt_mlp.2": ("ff_context.net.2",),
    "txt_mod.lin": ("norm1_context.linear",),
}
SINGLE = {
    "linear1": (*QUERY_KEY_VALUE, "proj_mlp"),
    "linear2": ("proj_out",),
    "modulation.lin": ("norm.linear",),
}
ENDS = {
    "img_in": "x_embedder",
    "txt_in": "context_embedder",
    "time_in.in_layer": "time_text_embed.timestep_embedder.linear_1",
    "time_in.out_layer": "time_text_embed.timestep_embedder.linear_2",
    "vector_in.in_layer": "time_text_embed.text_embedder.linear_1",
    "vector_in.out_layer": "time_text_embed.text_embedder.linear_2",
    "guidance_in.in_layer": "time_text_embed.guidance_embedder.linear_1",
    "guidance_in.out_layer": "time_text_embed.guidance_embedder.linear_2",
    "final_layer.adaLN_modulation.1": "norm_out.linear",
    "final_layer.linear": "proj_out",
}
BLOCKS = {
    "transformer_blocks": ("double_blocks", DOUBLE),
    "single_transformer_blocks": ("single_blocks", SINGLE),
}
BLOCK = re.compile(rf"({'|'.join(BLOCKS)})\.(\d+)\.")
HEADS = ("double_blocks", "single_blocks", *(each.partition(".")[0] for each in ENDS))
SWAPPED = "final_layer_adaLN_modulation_1"
"""The layer, without dots, that says shift and then scale; that of diffusers says scale first."""


def is_bfl(layer: str) -> bool:
    """Whether a layer is called as the original code did, with dots or underscores."""
    return layer.startswith(HEADS)


def bfl_names(layers: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """The layers of a network in diffusers, by what the original code calls them together."""
    names = set(layers)
    found: dict[str, tuple[str, ...]] = {old: (name,) for old, name in ENDS.items()}
    for block in {match[0]: match for match in map(BLOCK.match, names) if match}.values():
        kind, parts = BLOCKS[block[1]]
        for old, own in parts.items():
            found[f"{kind}.{block[2]}.{old}"] = tuple(block[0] + each for each in own)
    return {old: own for old, own in found.items() if names.issuperset(own)}


def rows_of(layer: str, heights: Sequence[int]) -> list[Rows]:
    """Which rows of a layer, named without dots, belong to each of its own, of these heights."""
    if layer == SWAPPED:
        (height,) = heights
        return [((height // 2, height), (0, height // 2))]
    if len(heights) == 1:
        return [()]
    ends = accumulate(heights)
    return [((end - height, end),) for end, height in zip(ends, heights, strict=True)]
