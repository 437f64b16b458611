"""Bridges: experts of another latent space, by way of pictures."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from graph.export.pieces.conventions import Level


class Bridge:
    """What an expert of another latent space changes, brought home through pictures.

    Abroad the state is alpha·T(D) + sigma·noise: T decodes the anchor's estimate D and encodes the
    picture there. The noise is drawn once; from then on it is what was taken for noise abroad.
    """

    def __init__(
        self, home: Any, abroad: Any, sizes: tuple[tuple[int, int], tuple[int, int]], noise: Tensor
    ) -> None:
        self.home, self.abroad, self.noise = home, abroad, noise
        self.home_size, self.size_abroad = sizes  # of the pictures, (height, width)

    def away(self, anchor: Tensor, level: Level, memory: dict) -> Tensor:
        """The state abroad."""
        memory["clean"] = self.abroad.latents(sized(self.home.colours(anchor), self.size_abroad))
        memory["x"] = level[0] * memory["clean"] + level[1] * memory.get("noise", self.noise)
        return memory["x"]

    def back(
        self, base: Tensor, clean: Tensor, null: Tensor | None, level: Level, memory: dict
    ) -> Tensor:
        """B + S(D) − S(N): what the condition changes abroad, at home; S is T reversed.

        An expert that knows no condition is held against T(D), the picture that it was shown.
        """
        memory["noise"] = ((memory["x"] - level[0] * clean) / level[1]).detach()
        pair = torch.cat([clean, memory["clean"] if null is None else null])
        pictures = sized(self.abroad.colours(pair), self.home_size)
        heard, unheard = self.home.latents(pictures).chunk(2)
        return base + (heard - unheard)


def sized(colours: Tensor, size: tuple[int, int]) -> Tensor:
    """Pictures in another size."""
    if colours.shape[2:] == size:
        return colours
    return F.interpolate(colours, size, mode="bilinear", antialias=True, align_corners=False)
