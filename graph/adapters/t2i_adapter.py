"""T2I-Adapter: a small network that reads a picture once and adds to the UNet's way down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from diffusers import T2IAdapter as Network
from PIL import Image
from torch import Tensor

from graph.codec import Codec
from graph.companions import Companion
from graph.interfaces import Adapter, Asking
from graph.machine import Machine
from graph.pictures import light
from graph.weights import frozen


class T2IAdapter(Adapter):
    """T2I-Adapter (arXiv 2302.08453) as diffusers stores it.

    One that was made of a single channel sees the picture in grey.
    """

    networks: ClassVar[tuple[str, ...]] = ("T2IAdapter",)

    def __init__(self, network: Any) -> None:
        self._network = network

    @classmethod
    def load(cls, companion: Companion, machine: Machine) -> T2IAdapter:
        """Load the network of a folder."""
        return cls(frozen(Network, companion.folder, machine))

    def encode(
        self, value: Image.Image, canvas: tuple[int, int], codec: Codec | None = None
    ) -> list[Tensor]:
        """What it makes of the picture on the canvas: a tensor [c, h, w] for every level."""
        pixels = torch.from_numpy(light(value, canvas)).to(next(self._network.parameters()))
        if int(self._network.config.in_channels) == 1:
            pixels = torch.from_numpy(light(value.convert("L"), canvas)).to(pixels)[:1]
        return [each[0] for each in self._network(pixels[None])]

    def told(self, asking: Asking, hints: list[Tensor]) -> Mapping[str, list[Tensor]]:
        """What is added within the blocks on the UNet's way down."""
        return {"down_intrablock_additional_residuals": hints}
