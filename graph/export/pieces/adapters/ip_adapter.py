"""IP-Adapter."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

from graph.export.pieces.attending import AttendsToPictures

NETWORKS = ("IPAdapter",)
NULL_IS_SHOWN = False


class IPAdapter(AttendsToPictures):
    """IP-Adapter (arXiv 2308.06721), which sees a picture as a whole."""

    def encode(self, picture: Image.Image | None) -> Tensor:
        """A picture, or none, as tokens [tokens, width]."""
        seen = self.encoder(self.pixels(picture)).image_embeds
        seen = torch.zeros_like(seen) if picture is None else seen
        width = len(self.stored["image_proj.norm.weight"])
        return self.norm("norm", self.linear("proj", seen).reshape(-1, width))
