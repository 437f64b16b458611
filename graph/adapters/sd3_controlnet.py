"""ControlNet of Stable Diffusion 3: some blocks of the transformer that see a picture's latents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from diffusers import SD3ControlNetModel
from PIL import Image
from torch import Tensor

from graph.codec import Codec
from graph.companions import Companion
from graph.interfaces import Adapter, Asking
from graph.machine import Machine
from graph.pictures import fit
from graph.weights import frozen

TOLD = "block_controlnet_hidden_states"


class SD3ControlNet(Adapter):
    """ControlNet (arXiv 2302.05543) for SD 3 and 3.5 as diffusers stores it.

    Its file says how it was taught: without the sentence as a whole, and by latents without their
    shift, or with both. Those of 8 billion numbers have no first layer of their own and read no
    words.
    """

    networks: ClassVar[tuple[str, ...]] = ("SD3ControlNetModel",)

    def __init__(self, network: Any) -> None:
        self._network = network
        self._alone = bool(network.config.force_zeros_for_pooled_projection)

    @classmethod
    def load(cls, companion: Companion, machine: Machine) -> SD3ControlNet:
        """Load the network of a folder."""
        return cls(frozen(SD3ControlNetModel, companion.folder, machine))

    def encode(
        self, value: Image.Image, canvas: tuple[int, int], codec: Codec | None = None
    ) -> Tensor:
        """The latents [c, h, w] of the picture on the canvas: their mean."""
        if codec is None:
            raise TypeError("a ControlNet of SD 3 sees latents, and the expert has none")
        pixels = codec.colours([fit(value, canvas)])
        seen = codec.unshifted(pixels) if self._alone else codec.latents(pixels)
        return seen[0].to(next(self._network.parameters()))

    def told(self, asking: Asking, hints: Tensor) -> Mapping[str, list[Tensor]]:
        """What is added behind every block."""
        network, added = self._network, asking.added or {}
        pooled = added["pooled_projections"]
        first = asking.tokens if network.pos_embed is None else None
        (parts,) = network(
            asking.state if first is None else first(),
            controlnet_cond=hints,
            encoder_hidden_states=None if network.context_embedder is None else asking.words,
            pooled_projections=torch.zeros_like(pooled) if self._alone else pooled,
            timestep=asking.time,
            return_dict=False,
        )
        count = asking.blocks[TOLD]
        return {TOLD: [parts[int(number / (count / len(parts)))] for number in range(count)]}
