"""Planes: maps as numbers at every place of a state, read exactly and by no autoencoder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from graph.interfaces import Modulator
from graph.levels import NoiseLevel
from graph.palettes import MaskClass
from graph.pictures import nearness, on_canvas, shares

if TYPE_CHECKING:
    from jaxtyping import Float

PARTS = {"mask": 2, "depth": 4}
"""How many parts a side of a place has at most, for each of which a plane speaks; a sketch has as
many as pixels."""
LEAST = 1e-6
"""The least variance of a depth map, as a share of its mean square: less is no depth at all."""


def plane_count(kind: str, factor: int, palette: Sequence[MaskClass]) -> int:
    """How many planes a map of this kind has, where a place is `factor` pixels wide."""
    layers = (len(palette) or 3) if kind == "mask" else 1
    return layers * _parts(kind, factor) ** 2


def planes(
    kind: str,
    picture: Image.Image,
    canvas: tuple[int, int],
    factor: int,
    palette: Sequence[MaskClass] = (),
) -> Float[Tensor, "c h w"]:
    """A map fitted to `canvas` (width, height), whose places are `factor` pixels wide and high.

    A mask has a plane for each class and each of the four quarters of a place, with the share of
    that quarter, 0 to 1, read as `graph.pictures.shares` does; without a palette its colours
    instead, −1 to 1. A sketch has a plane for each pixel of a place, with its ink, 0 to 1: nothing
    of a line is lost. A depth map has one for each sixteenth of a place, with how much nearer than
    the picture's mean it is, in deviations.
    """
    if kind == "depth":
        layers = standardised(torch.from_numpy(nearness(picture, canvas))[None])[0, ..., None]
    elif kind == "sketch":
        layers = 1.0 - _bytes(on_canvas(kind, picture, canvas, ()))[..., :1] / 255.0
    elif palette:
        layers = torch.from_numpy(shares(picture, canvas, palette))
    else:
        layers = _bytes(on_canvas(kind, picture, canvas, ())) / 127.5 - 1.0
    parts = _parts(kind, factor)
    means = F.avg_pool2d(layers.movedim(-1, 0), factor // parts)
    return F.pixel_unshuffle(means, parts)


def strength(
    kind: str, told: Float[Tensor, "*n c h w"], palette: Sequence[MaskClass] = ()
) -> Float[Tensor, "*n 1 h w"]:
    """How far the planes of a map tell anything at every place, 0 to 1.

    A mask tells what its shares sum up to: nothing where it is transparent. Other maps are there or
    are not.
    """
    if kind == "mask" and palette:
        shares: Tensor = told.reshape(*told.shape[:-3], len(palette), -1, *told.shape[-2:])
        return shares.sum(-4).mean(-3, keepdim=True)
    return torch.ones_like(told[..., :1, :, :])


def standardised(maps: Float[Tensor, "b h w"]) -> Float[Tensor, "b h w"]:
    """Depth maps less their mean, over their deviation; one without any difference is 0.

    What such a map says is known up to a scale and a shift (arXiv 1907.01341).
    """
    off = maps - maps.mean((1, 2), keepdim=True)
    least = LEAST * maps.square().mean((1, 2), keepdim=True)
    variance = off.square().mean((1, 2), keepdim=True).maximum(least)
    return off / (variance + LEAST**2).sqrt()


def _parts(kind: str, factor: int) -> int:
    return min(PARTS.get(kind, factor), factor)


def _bytes(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture.convert("RGB"), dtype=np.float32))


@dataclass
class MapReader:
    """Reads one kind of map as planes over a canvas whose places are `factor` pixels wide."""

    kind: str
    palette: tuple[MaskClass, ...]
    canvas: tuple[int, int] | None
    factor: int

    def encode(self, value: Image.Image) -> Tensor:
        """The map as planes [c, h, w]."""
        canvas = self.canvas or value.size
        return planes(self.kind, value, canvas, self.factor, self.palette)


class Mapped(Modulator, ABC):
    """A modulator that is told maps as planes, with a mark of each; absent ones are zero.

    `network` answers for states of `shape` whose places are `factor` pixels wide.
    """

    def __init__(
        self,
        network: Any,
        kinds: Sequence[str],
        shape: tuple[int, int, int],
        palette: tuple[MaskClass, ...] = (),
        factor: int = 1,
    ) -> None:
        self.kinds, self.shape = tuple(kinds), shape
        self.network: Any = network
        self.palette, self.factor = palette, factor

    def reader(self, kind: str) -> MapReader:
        """What reads a map of this kind."""
        _, height, width = self.shape
        canvas = width * self.factor, height * self.factor
        return MapReader(kind, self.palette if kind == "mask" else (), canvas, self.factor)

    def stack(self, maps: Mapping[str, Tensor]) -> Tensor:
        """All kinds in the order of the card: planes of each, then how far each is told."""
        like = next(self.network.parameters())
        parts = {k: maps[k].to(like) if k in maps else self._empty(k, like) for k in self.kinds}
        marks = [self.mark(k, part) * float(k in maps) for k, part in parts.items()]
        return torch.cat([*parts.values(), *marks])

    def mark(self, kind: str, told: Float[Tensor, "*n c h w"]) -> Float[Tensor, "*n 1 h w"]:
        """How far a map of this kind is told at every place, where it is."""
        return strength(kind, told, self.palette)

    def _empty(self, kind: str, like: Tensor) -> Tensor:
        return like.new_zeros((plane_count(kind, self.factor, self.palette), *self.shape[1:]))

    def change(
        self,
        x: Float[Tensor, "n *d"],
        velocity: Float[Tensor, "n *d"],
        level: NoiseLevel,
        maps: Sequence[Tensor],
    ) -> Float[Tensor, "n *d"]:
        """v' − v, in one forward pass."""
        noise = torch.full((len(x),), level.noise, device=x.device)
        return self.changes(x, velocity, noise, torch.stack(list(maps)))

    @abstractmethod
    def changes(
        self,
        x: Float[Tensor, "n *d"],
        velocity: Float[Tensor, "n *d"],
        noise: Float[Tensor, "n"],
        maps: Float[Tensor, "n m h w"],
    ) -> Float[Tensor, "n *d"]:
        """v' − v of states at levels of their own, told as their noise."""
