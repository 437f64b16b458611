"""ControlNet: a copy of the UNet's first half that reads a picture and adds to the UNet's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from PIL import Image
from torch import Tensor

from graph.codec import Codec
from graph.companions import Companion
from graph.converted import controlnet_of
from graph.interfaces import Adapter, Asking
from graph.machine import Machine
from graph.pictures import light


class ControlNet(Adapter):
    """ControlNet (arXiv 2302.05543) as diffusers stores it; its picture is read at every step."""

    networks: ClassVar[tuple[str, ...]] = ("ControlNetModel",)

    def __init__(self, network: Any) -> None:
        self._network = network

    @classmethod
    def load(cls, companion: Companion, machine: Machine) -> ControlNet:
        """Load the network of a folder or of one file; ChoraleError M013 for another network's."""
        return cls(controlnet_of(companion, machine))

    def encode(
        self, value: Image.Image, canvas: tuple[int, int], codec: Codec | None = None
    ) -> Tensor:
        """The picture on the canvas, [3, h, w] in [0, 1]."""
        return torch.from_numpy(light(value, canvas)).to(next(self._network.parameters()))

    def told(self, asking: Asking, hints: Tensor) -> Mapping[str, list[Tensor]]:
        """What is added to the residuals on the UNet's way down, and in its middle.

        A guidance that was distilled into the UNet is not told to it: it was made before.
        """
        down, mid = self._network(
            asking.state,
            asking.time,
            encoder_hidden_states=asking.words,
            controlnet_cond=hints,
            added_cond_kwargs=asking.added,
            return_dict=False,
        )
        return {"down_block_additional_residuals": [*down], "mid_block_additional_residual": [mid]}
