"""ControlNet of Stable Diffusion 3."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import SD3ControlNetModel
from PIL import Image
from torch import Tensor

from graph.export.pieces.decoding import colours_of
from graph.export.pieces.hearing import each_shown, louder_tokens, silent
from graph.export.pieces.loading import load
from graph.export.pieces.settings import MODELS, PRECISION

NETWORKS = ("SD3ControlNetModel",)


class SD3ControlNet:
    """ControlNet (arXiv 2302.05543) for SD 3 and 3.5: some blocks that see a picture's latents.

    Its file says how it was taught: without the sentence as a whole, and by latents without their
    shift, or with both. Some have no first layer of their own and read no words.
    """

    def __init__(self, name: str, transformer: Any) -> None:
        self.network = load(SD3ControlNetModel, MODELS / name)
        self.transformer = transformer
        self.alone = self.network.config.force_zeros_for_pooled_projection

    def encode(self, picture: Image.Image, codec: Any) -> Tensor:
        """The latents of a picture [c, h, w], by the autoencoder of the expert."""
        latents = codec.latents(colours_of(codec.vae, picture))[0]
        return (latents + codec.shift * codec.scale if self.alone else latents).to(PRECISION)

    def heard(self, hints: list[Tensor], weight: Any) -> Any:
        """Within it the transformer is told more: what is added behind its blocks."""
        name, network = "block_controlnet_hidden_states", self.network
        count = len(self.transformer.transformer_blocks)

        def told(_: Any, asked: tuple, more: dict) -> tuple[tuple, dict] | None:
            if silent(weight):
                return None
            state, words, pooled, time = asked
            parts = network(
                self.transformer.pos_embed(state) if network.pos_embed is None else state,
                controlnet_cond=each_shown(hints, len(state)),
                encoder_hidden_states=None if network.context_embedder is None else words,
                pooled_projections=torch.zeros_like(pooled) if self.alone else pooled,
                timestep=time,
                return_dict=False,
            )[0]
            louds = [louder_tokens(part, weight) for part in parts]
            dealt = [louds[int(number / (count / len(louds)))] for number in range(count)]
            before = more.get(name, [0] * count)
            return asked, {**more, name: [a + b for a, b in zip(before, dealt)]}

        return self.transformer.register_forward_pre_hook(told, with_kwargs=True)
