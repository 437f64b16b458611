"""Projections: what makes tokens of what CLIP saw of a picture, of every kind of IP-Adapter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from diffusers.models.embeddings import (
    ImageProjection,
    IPAdapterFullImageProjection,
    IPAdapterPlusImageProjection,
)
from torch import Tensor
from torch.nn import Module

HEAD = 64
"""Numbers in a head of the attention of a Plus, whatever its width."""
LAYER = re.compile(r"(layers\.\d+)\.(0\.norm1|0\.norm2|0\.to_q|0\.to_out|1\.\d)\.(weight|bias)")
WITHIN = {
    "0.norm1": "ln0",
    "0.norm2": "ln1",
    "0.to_q": "attn.to_q",
    "0.to_out": "attn.to_out.0",
    "1.0": "ff.0",
    "1.1": "ff.1.net.0.proj",
    "1.3": "ff.1.net.2",
}
"""What a layer of a Plus is called by its authors, and in diffusers."""
OF_FULL = {"proj.0": "ff.net.0.proj", "proj.2": "ff.net.2", "proj.3": "norm"}


def projection_of(stored: Mapping[str, Tensor]) -> Module:
    """The projection of a file, from its own names and shapes, as a class of diffusers.

    An ImageProjection reads the embedding of the whole picture; the others, of a Plus and of a
    full face, read what CLIP's last layer but one says of every place.
    """
    if "latents" in stored:
        return _plus(stored)
    if "proj.3.weight" in stored:
        return _full(stored)
    rows, size = stored["proj.weight"].shape
    width = len(stored["norm.weight"])
    made = ImageProjection(size, width, rows // width)
    made.load_state_dict({name.replace("proj", "image_embeds"): v for name, v in stored.items()})
    return made


def _full(stored: Mapping[str, Tensor]) -> Module:
    width, size = stored["proj.2.weight"].shape
    made = IPAdapterFullImageProjection(size, width)
    parts = ((name.rpartition("."), part) for name, part in stored.items())
    made.load_state_dict({f"{OF_FULL[layer]}.{kind}": part for (layer, _, kind), part in parts})
    return made


def _plus(stored: Mapping[str, Tensor]) -> Module:
    """Flamingo's resampler (arXiv 2204.14198): so many tokens ask what is seen, layer by layer."""
    named: dict[str, Tensor] = {}
    for name, part in stored.items():
        if name.endswith(".0.to_kv.weight"):
            above = name.removesuffix("0.to_kv.weight")
            named[f"{above}attn.to_k.weight"], named[f"{above}attn.to_v.weight"] = part.chunk(2)
        else:
            named[LAYER.sub(lambda found: f"{found[1]}.{WITHIN[found[2]]}.{found[3]}", name)] = part
    _, count, inner = named["latents"].shape
    made: Any = IPAdapterPlusImageProjection(
        embed_dims=named["proj_in.weight"].shape[1],
        output_dims=len(named["proj_out.weight"]),
        hidden_dims=inner,
        depth=len({name.split(".")[1] for name in named if name.startswith("layers.")}),
        dim_head=HEAD,
        heads=len(named["layers.0.attn.to_q.weight"]) // HEAD,
        num_queries=count,
        ffn_ratio=len(named["layers.0.ff.1.net.0.proj.weight"]) / inner,
    )
    made.load_state_dict(named)
    return made
