"""Readers: what becomes of a picture for an adapter, a likelihood, or a state that it begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image

from graph.codec import Codec
from graph.interfaces import Adapter, Likelihood
from graph.pictures import chalk, fit, light, region, squeezed


@dataclass(slots=True)
class Shown:
    """An adapter as the reader of pictures for an expert of this canvas (w, h) and codec."""

    adapter: Adapter
    canvas: tuple[int, int] | None
    kind: str
    codec: Codec | None

    def encode(self, value: Any) -> Any:
        """The picture as the adapter tells of it: of a drawing, as such were learned, chalk."""
        picture = chalk(value) if value and self.kind == "sketch" else value
        return self.adapter.encode(picture, self.canvas or value.size, self.codec)


@dataclass(slots=True)
class Squeezed:
    """A likelihood as the reader of targets for pictures of other proportions than it looks at.

    It sees the whole of every picture, squeezed to `size`; so it is shown a target of this canvas,
    both (w, h).
    """

    likelihood: Likelihood
    canvas: tuple[int, int] | None
    size: tuple[int, int]

    def encode(self, value: Any) -> Any:
        """The target, cut to the canvas' proportions and squeezed; a word is as it is."""
        if isinstance(value, Image.Image) and self.canvas:
            value = squeezed(value, self.canvas, self.size)
        return self.likelihood.encode(value)


@dataclass(slots=True)
class Begun:
    """A latent space as the reader of the picture, on this canvas (w, h), that a track starts from.

    It is the mean of its latents, so that every sample starts from one and the same picture
    (docs/decisions/0028-a-start-is-the-mean.md). Without a codec states are pictures.
    """

    codec: Codec | None
    canvas: tuple[int, int] | None

    def encode(self, value: Any) -> torch.Tensor:
        """The picture, cropped to the canvas, as a clean state [1, *shape]."""
        picture = fit(value, self.canvas or value.size)
        if self.codec is None:
            return torch.from_numpy(light(picture, picture.size))[None] * 2.0 - 1.0
        return self.codec.latents(self.codec.colours([picture]))


@dataclass(slots=True)
class Places:
    """What reads a region, on this canvas (w, h), as places of so many pixels a side.

    Of every place the pixel in its corner counts, as the inpainting pipelines have it.
    """

    scale: int
    canvas: tuple[int, int] | None

    def encode(self, value: Any) -> torch.Tensor:
        """Where it is white, [1, 1, h, w]."""
        found = torch.from_numpy(region(value, self.canvas or value.size))
        return found[None, None, :: self.scale, :: self.scale]
