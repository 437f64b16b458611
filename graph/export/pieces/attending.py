"""Pictures beside the words: what every IP-Adapter has."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor
from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

from graph.export.pieces.hearing import by_rows, each_shown, silent
from graph.export.pieces.loading import load
from graph.export.pieces.settings import DEVICE, MODELS, PRECISION


class AttendsToPictures:
    """Cross-attentions attend to a picture as CLIP sees it, too (arXiv 2308.06721).

    Their answer is that to the words plus weight·W·softmax(q·kᵀ/√d)·v, with keys and values of
    their own and W their last layer.
    """

    def __init__(self, name: str, unet: Any) -> None:
        folder = MODELS / name
        self.encoder = load(CLIPVisionModelWithProjection, folder / "image_encoder")
        self.side = self.encoder.config.image_size
        stored = load_file(next(folder.glob("*.safetensors")))
        self.stored = {key: part.to(DEVICE, PRECISION) for key, part in stored.items()}
        names = [each.removesuffix(".processor") for each in unet.attn_processors]
        layers = [unet.get_submodule(each) for each in names if each.endswith(".attn2")]
        numbers = sorted({int(key.split(".")[1]) for key in stored if key.startswith("ip_")})
        self.layers = dict(zip(numbers, layers))

    def pixels(self, picture: Image.Image | None) -> Tensor:
        """A picture as CLIP takes it, [1, 3, side, side]; none is zeros."""
        if picture is None:
            return torch.zeros(1, 3, self.side, self.side, device=DEVICE, dtype=PRECISION)
        processor = CLIPImageProcessor(
            size={"shortest_edge": self.side}, crop_size={"height": self.side, "width": self.side}
        )
        shown = processor(picture.convert("RGB"), return_tensors="pt")
        return shown.pixel_values.to(DEVICE, PRECISION)

    def linear(self, layer: str, x: Tensor) -> Tensor:
        """What a layer of the projection makes of x, with a bias or without."""
        bias = self.stored.get(f"image_proj.{layer}.bias")
        return F.linear(x, self.stored[f"image_proj.{layer}.weight"], bias)

    def norm(self, layer: str, x: Tensor) -> Tensor:
        """What a norm of the projection makes of x."""
        scale, shift = (self.stored[f"image_proj.{layer}.{part}"] for part in ("weight", "bias"))
        return F.layer_norm(x, scale.shape, scale, shift)

    def heard(self, hints: list[Tensor], weight: Any) -> ExitStack:
        """Within it the UNet's cross-attentions hear the picture."""
        hooks = ExitStack()
        for number, layer in {} if silent(weight) else self.layers.items():
            keys, values = (self.stored[f"ip_adapter.{number}.to_{x}_ip.weight"] for x in "kv")

            def hear(
                layer: Any,
                asked: tuple,
                answer: Tensor,
                keys: Tensor = keys,
                values: Tensor = values,
            ) -> Tensor:
                shown = each_shown(hints, len(answer))
                told = layer.to_q(asked[0]), F.linear(shown, keys), F.linear(shown, values)
                q, k, v = (each.unflatten(-1, (layer.heads, -1)).transpose(1, 2) for each in told)
                seen = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
                last = layer.to_out[0]
                change = last(seen) - last(torch.zeros_like(seen))  # without its bias
                return answer + by_rows(weight, change) * change / layer.rescale_output_factor

            hooks.enter_context(layer.register_forward_hook(hear))
        return hooks
