"""T2I-Adapter."""

from __future__ import annotations

from typing import Any

from diffusers import T2IAdapter
from PIL import Image
from torch import Tensor

from graph.export.pieces.hearing import each_shown, light, louder, silent
from graph.export.pieces.loading import load
from graph.export.pieces.settings import MODELS

NETWORKS = ("T2IAdapter",)


class TextToImageAdapter:
    """T2I-Adapter (arXiv 2302.08453): a small network that reads a picture once."""

    def __init__(self, name: str, unet: Any) -> None:
        self.network = load(T2IAdapter, MODELS / name)
        self.unet = unet

    def encode(self, picture: Image.Image) -> list[Tensor]:
        """What is made of a picture, a tensor for every level of the UNet; some see grey alone."""
        seen = light(picture)[: self.network.config.in_channels]
        return [level[0] for level in self.network(seen[None])]

    def heard(self, hints: list[list[Tensor]], weight: Any) -> Any:
        """Within it the UNet is told more: what is added within the blocks on its way down."""

        def told(_: Any, asked: tuple, more: dict) -> tuple[tuple, dict] | None:
            if silent(weight):
                return None
            levels = [each_shown(list(level), len(asked[0])) for level in zip(*hints)]
            before = more.get("down_intrablock_additional_residuals", [0] * len(levels))
            added = [each + louder(level, weight) for each, level in zip(before, levels)]
            return asked, {**more, "down_intrablock_additional_residuals": added}

        return self.unet.register_forward_pre_hook(told, with_kwargs=True)
