"""ControlNet of Flux."""

from __future__ import annotations

import math
from typing import Any

import torch.nn.functional as F
from diffusers import FluxControlNetModel
from PIL import Image
from torch import Tensor

from graph.export.pieces.decoding import colours_of
from graph.export.pieces.hearing import each_shown, louder_tokens, silent
from graph.export.pieces.loading import filled, load
from graph.export.pieces.settings import MODELS, PRECISION

NETWORKS = ("FluxControlNetModel",)


class FluxControlNet:
    """ControlNet (arXiv 2302.05543) for Flux.1: some blocks that see a picture.

    Most see its latents; those with layers for it (XLabs) see the picture itself, and tell blocks
    in turns what others tell to neighbours.
    """

    def __init__(self, name: str, transformer: Any) -> None:
        self.network = load(FluxControlNetModel, MODELS / name)
        self.transformer = transformer
        self.sees_pixels = self.network.input_hint_block is not None

    def encode(self, picture: Image.Image, codec: Any) -> Tensor:
        """The latents of a picture as patches [tokens, 4·c], or its colours [3, h, w]."""
        colours = colours_of(codec.vae, picture)
        if self.sees_pixels:
            return colours[0].to(PRECISION)
        return F.pixel_unshuffle(codec.latents(colours)[0], 2).flatten(1).mT.to(PRECISION)

    def heard(self, hints: list[Tensor], weight: Any) -> Any:
        """Within it the transformer is told more: what is added behind its blocks of both kinds."""
        known = "encoder_hidden_states", "pooled_projections", "timestep", "txt_ids", "img_ids"
        guided = self.network.config.guidance_embeds

        def told(_: Any, asked: tuple, more: dict) -> tuple[tuple, dict] | None:
            if silent(weight):
                return None
            double, single = self.network(
                *asked,
                controlnet_cond=each_shown(hints, len(asked[0])),
                guidance=filled(asked[0], 3.5) if guided else None,
                return_dict=False,
                **{name: more[name] for name in known},
            )
            behind = {
                "controlnet_block_samples": (double, self.transformer.transformer_blocks),
                "controlnet_single_block_samples": (
                    single,
                    self.transformer.single_transformer_blocks,
                ),
            }
            for name, (parts, blocks) in behind.items():
                if parts is not None:
                    louds = [louder_tokens(part, weight) for part in parts]
                    in_turns = self.sees_pixels and parts is double
                    added = dealt(louds, len(blocks), in_turns)
                    before = more.get(name, [0] * len(blocks))
                    more = {**more, name: [a + b for a, b in zip(before, added)]}
            return asked, more

        return self.transformer.register_forward_pre_hook(told, with_kwargs=True)


def dealt(parts: list[Tensor], count: int, in_turns: bool) -> list[Tensor]:
    """What each of so many blocks is told: in turns, or neighbours the same."""
    if in_turns:
        return [parts[number % len(parts)] for number in range(count)]
    each = math.ceil(count / len(parts))
    return [parts[number // each] for number in range(count)]
