"""IP-Adapter Plus."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from graph.export.pieces.attending import AttendsToPictures

NETWORKS = ("IPAdapterPlus",)
NULL_IS_SHOWN = False


class IPAdapterPlus(AttendsToPictures):
    """IP-Adapter Plus (arXiv 2308.06721): a few tokens ask what is seen at every place.

    They ask layer by layer, by attention to what CLIP saw and to themselves (Flamingo's resampler,
    arXiv 2204.14198).
    """

    def encode(self, picture: Image.Image | None) -> Tensor:
        """A picture, or none, as tokens [tokens, width]."""
        states = self.encoder(self.pixels(picture), output_hidden_states=True).hidden_states
        seen = self.linear("proj_in", states[-2])
        tokens = self.stored["image_proj.latents"]
        depth = len({key.split(".")[2] for key in self.stored if "image_proj.layers." in key})
        for layer in (f"layers.{number}" for number in range(depth)):
            tokens = tokens + self.answers(layer, tokens, seen)
            inner = self.linear(f"{layer}.1.1", self.norm(f"{layer}.1.0", tokens))
            tokens = tokens + self.linear(f"{layer}.1.3", F.gelu(inner))
        return self.norm("norm_out", self.linear("proj_out", tokens))[0]

    def answers(self, layer: str, tokens: Tensor, seen: Tensor) -> Tensor:
        """What a layer's attention, in heads of 64 numbers, tells the tokens that ask."""
        asking, shown = self.norm(f"{layer}.0.norm2", tokens), self.norm(f"{layer}.0.norm1", seen)
        both = self.linear(f"{layer}.0.to_kv", torch.cat([shown, asking], 1))
        told = self.linear(f"{layer}.0.to_q", asking), *both.chunk(2, -1)
        q, k, v = (each.unflatten(-1, (-1, 64)).transpose(1, 2) for each in told)
        found = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return self.linear(f"{layer}.0.to_out", found)
