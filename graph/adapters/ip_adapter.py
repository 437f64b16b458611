"""IP-Adapter: a picture beside the sentence, read by CLIP and attended to apart from the words."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import torch
from diffusers.models.embeddings import ImageProjection
from PIL import Image
from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor
from torch.nn import functional as F
from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

from graph.codec import Codec
from graph.companions import IMAGE_ENCODER, IP_ADAPTERS, Companion
from graph.interfaces import Adapter
from graph.machine import Machine
from graph.projections import projection_of
from graph.weights import frozen_reader


@dataclass(frozen=True, slots=True)
class Ear:
    """A hook by which one cross-attention hears pictures, with keys and values of its own."""

    thread: int
    hints: Tensor
    loud: Tensor
    keys: Tensor
    values: Tensor

    def __call__(self, layer: Any, given: tuple[Any, ...], answer: Tensor) -> Tensor:
        """The layer's answer to the words, and to the pictures; another thread's is left alone."""
        if threading.get_ident() != self.thread:
            return answer
        told: tuple[Tensor, ...] = (
            layer.to_q(given[0]),
            F.linear(self.hints, self.keys),
            F.linear(self.hints, self.values),
        )
        size = (layer.heads, -1)
        q, k, v = (part.reshape(*part.shape[:2], *size).transpose(1, 2) for part in told)
        seen = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        # a LoRA may have changed the last layer: its weight alone does not do
        last, zero = layer.to_out[0], torch.zeros_like(seen[:, :1])
        change: Tensor = (last(seen) - last(zero)) / layer.rescale_output_factor
        return answer + self.loud.to(change) * change


class IPAdapter(Adapter):
    """IP-Adapter (arXiv 2308.06721) as its authors store it: one file beside an image encoder.

    Every cross-attention attends to the picture's tokens too, with keys and values of their own:
    its answer is that to the words plus weight · W·softmax(q·kᵀ/√d)·v, where W is the layer's last.
    Without a condition the picture is none, as the pipelines of diffusers have it: an embedding of
    zeros, or for a Plus and a full face, that look at every place, a picture of zeros.
    """

    networks: ClassVar[tuple[str, ...]] = tuple(IP_ADAPTERS)
    shown_to_null: ClassVar[bool] = False

    def __init__(
        self,
        sight: CLIPImageProcessor,
        encoder: Any,
        projection: Any,
        layers: Sequence[tuple[Tensor, Tensor]],
    ) -> None:
        self._sight, self._encoder, self._projection = sight, encoder, projection
        self._layers = layers
        # of every UNet that was asked, a LoRA's twin among them, for as long as that is held
        self._ears: WeakKeyDictionary[Any, list[Any]] = WeakKeyDictionary()

    @classmethod
    def load(cls, companion: Companion, machine: Machine) -> IPAdapter:
        """Load the image encoder, and of the file the projection, keys and values."""
        folder = companion.folder
        encoder = frozen_reader(CLIPVisionModelWithProjection, folder / IMAGE_ENCODER, machine)
        side = int(encoder.config.image_size)
        (file,) = folder.glob("*.safetensors")
        stored = load_file(file)
        like = next(encoder.parameters())
        projection = projection_of(_below(stored, "image_proj."))
        parts = {name: part.to(like) for name, part in _below(stored, "ip_adapter.").items()}
        numbers = sorted({int(name.partition(".")[0]) for name in parts})
        return cls(
            CLIPImageProcessor(
                size={"shortest_edge": side}, crop_size={"height": side, "width": side}
            ),
            encoder,
            projection.to(like).eval().requires_grad_(requires_grad=False),
            [(parts[f"{n}.to_k_ip.weight"], parts[f"{n}.to_v_ip.weight"]) for n in numbers],
        )

    def encode(
        self, value: Image.Image | None, canvas: tuple[int, int], codec: Codec | None = None
    ) -> Tensor:
        """The picture, or None for none, as tokens [tokens, width]."""
        like = next(self._encoder.parameters())
        shown = value or Image.new("RGB", canvas)
        pixels: Any = self._sight(shown.convert("RGB"), return_tensors="pt")
        seen: Tensor = pixels.pixel_values.to(like)
        if isinstance(self._projection, ImageProjection):
            found = self._encoder(seen).image_embeds
            return self._projection(torch.zeros_like(found) if value is None else found)[0]
        # of none such a one sees what CLIP makes of a picture that is zeros: a grey one
        shown_none = torch.zeros_like(seen) if value is None else seen
        found = self._encoder(shown_none, output_hidden_states=True).hidden_states[-2]
        return self._projection(found)[0]

    @contextmanager
    def within(self, unet: Any, hints: Tensor, weight: Tensor) -> Generator[None]:
        """While the UNet is asked its cross-attentions hear the pictures [n, tokens, width] too."""
        loud = weight.flatten(1).mean(1).reshape(-1, 1, 1)
        hooks = [
            layer.register_forward_hook(Ear(threading.get_ident(), hints, loud, *pair))
            for layer, pair in zip(self._attentions(unet), self._layers, strict=True)
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _attentions(self, unet: Any) -> list[Any]:
        """The cross-attentions in the order of the file's numbers: that of the processors."""
        if unet not in self._ears:
            names = [name.removesuffix(".processor") for name in unet.attn_processors]
            self._ears[unet] = [
                unet.get_submodule(name) for name in names if name.endswith("attn2")
            ]
        return self._ears[unet]


def _below(stored: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin so, by the rest of their names."""
    return {k.removeprefix(prefix): part for k, part in stored.items() if k.startswith(prefix)}
