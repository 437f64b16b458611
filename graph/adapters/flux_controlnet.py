"""ControlNet of Flux: some blocks of the transformer that see a picture beside the state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from diffusers import FluxControlNetModel
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from graph.codec import Codec
from graph.companions import Companion
from graph.interfaces import Adapter, Asking
from graph.machine import Machine
from graph.pictures import fit
from graph.weights import frozen

DOUBLE, SINGLE = "controlnet_block_samples", "controlnet_single_block_samples"


class FluxControlNet(Adapter):
    """ControlNet (arXiv 2302.05543) for Flux.1 as diffusers stores it.

    Most see the picture's latents; those with layers for it (XLabs) see the picture itself, and
    tell blocks in turns what others tell to neighbours.
    """

    networks: ClassVar[tuple[str, ...]] = ("FluxControlNetModel",)

    def __init__(self, network: Any) -> None:
        self._network = network
        self._sees_pixels = network.input_hint_block is not None

    @classmethod
    def load(cls, companion: Companion, machine: Machine) -> FluxControlNet:
        """Load the network of a folder."""
        return cls(frozen(FluxControlNetModel, companion.folder, machine))

    def encode(
        self, value: Image.Image, canvas: tuple[int, int], codec: Codec | None = None
    ) -> Tensor:
        """The picture on the canvas: the mean of its latents [c, h, w], or colours [3, H, W]."""
        if codec is None:
            raise TypeError("a ControlNet of Flux sees latents, and the expert has none")
        pixels = codec.colours([fit(value, canvas)])
        seen = pixels if self._sees_pixels else codec.latents(pixels)
        return seen[0].to(next(self._network.parameters()))

    def told(self, asking: Asking, hints: Tensor) -> Mapping[str, list[Tensor]]:
        """What is added behind every block, where it has any of that kind."""
        added: dict[str, Any] = dict(asking.added or {})
        if not self._network.config.guidance_embeds:
            added["guidance"] = None
        found: tuple[Any, Any] = self._network(
            asking.state,
            controlnet_cond=hints
            if self._sees_pixels
            else F.pixel_unshuffle(hints, 2).flatten(2).mT,
            encoder_hidden_states=asking.words,
            timestep=asking.time,
            return_dict=False,
            **added,
        )
        return {
            name: self._dealt(parts, asking.blocks[name], in_turns=name == DOUBLE)
            for name, parts in zip((DOUBLE, SINGLE), found, strict=True)
            if parts is not None
        }

    def _dealt(self, parts: list[Tensor], blocks: int, *, in_turns: bool) -> list[Tensor]:
        """What each of the network's blocks is told."""
        if in_turns and self._sees_pixels:
            return [parts[number % len(parts)] for number in range(blocks)]
        each = math.ceil(blocks / len(parts))
        return [parts[number // each] for number in range(blocks)]
