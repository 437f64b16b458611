"""IP-Adapter of a full face."""

from __future__ import annotations

import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from graph.export.pieces.attending import AttendsToPictures

NETWORKS = ("IPAdapterFull",)
NULL_IS_SHOWN = False


class IPAdapterFull(AttendsToPictures):
    """IP-Adapter of a full face (arXiv 2308.06721), which sees every place of a picture."""

    def encode(self, picture: Image.Image | None) -> Tensor:
        """A picture, or none, as tokens [tokens, width]: one for every place."""
        states = self.encoder(self.pixels(picture), output_hidden_states=True).hidden_states
        inner = F.gelu(self.linear("proj.0", states[-2]))
        return self.norm("proj.3", self.linear("proj.2", inner))[0]
