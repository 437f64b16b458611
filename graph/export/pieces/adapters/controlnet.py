"""ControlNet."""

from __future__ import annotations

from typing import Any

from diffusers import ControlNetModel
from diffusers.loaders.single_file_utils import convert_controlnet_checkpoint
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from graph.export.pieces.hearing import each_shown, light, louder, silent
from graph.export.pieces.loading import load
from graph.export.pieces.settings import DEVICE, MODELS, PRECISION

NETWORKS = ("ControlNetModel",)


class ControlNet:
    """ControlNet (arXiv 2302.05543): a copy of the UNet's way down, which reads a picture too."""

    def __init__(self, name: str, unet: Any) -> None:
        self.network = load(ControlNetModel, MODELS / name)
        self.unet = unet

    def encode(self, picture: Image.Image) -> Tensor:
        """A picture as it is read."""
        return light(picture)

    def heard(self, hints: list[Tensor], weight: Any) -> Any:
        """Within it the UNet is told more: what is added on its way down, and in its middle."""

        def told(_: Any, asked: tuple, more: dict) -> tuple[tuple, dict] | None:
            if silent(weight):
                return None
            down, middle = self.network(
                *asked,
                controlnet_cond=each_shown(hints, len(asked[0])),
                added_cond_kwargs=more.get("added_cond_kwargs"),
                return_dict=False,
            )
            before = more.get("down_block_additional_residuals", [0] * len(down))
            found = {
                "down_block_additional_residuals": [
                    each + louder(part, weight) for each, part in zip(before, down)
                ],
                "mid_block_additional_residual": more.get("mid_block_additional_residual", 0)
                + louder(middle, weight),
            }
            return asked, {**more, **found}

        return self.unet.register_forward_pre_hook(told, with_kwargs=True)


class ControlNetFile(ControlNet):
    """The same of one file, by its original names or those of diffusers."""

    def __init__(self, file: str, hints: tuple[int, ...], unet: Any) -> None:
        self.network: Any = ControlNetModel.from_unet(
            unet, conditioning_embedding_out_channels=hints, load_weights_from_unet=False
        )
        stored = load_file(MODELS / file)
        own = {key: each for key, each in stored.items() if key.startswith("control_model.")}
        renamed = convert_controlnet_checkpoint(own or stored, self.network.config)
        self.network.load_state_dict(renamed)
        self.network.to(DEVICE, PRECISION).eval().requires_grad_(False)
        self.unet = unet
