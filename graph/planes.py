"""Planes: a map as numbers at every place of a state, read exactly and by no autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from graph.palettes import MaskClass
from graph.pictures import on_canvas, quantise

if TYPE_CHECKING:
    from jaxtyping import Float

PARTS = 2
"""How many parts a side of a place has, in each of which a mask's classes are told apart."""


def depth(kind: str, factor: int, palette: Sequence[MaskClass]) -> int:
    """How many planes a map of this kind has, where a place is `factor` pixels wide."""
    layers = len(palette) or 3
    return layers * _parts("mask", factor) ** 2 if kind == "mask" else _parts(kind, factor) ** 2


def planes(
    kind: str,
    picture: Image.Image,
    canvas: tuple[int, int],
    factor: int,
    palette: Sequence[MaskClass] = (),
) -> Float[Tensor, "c h w"]:
    """A map fitted to `canvas` (width, height), whose places are `factor` pixels wide and high.

    A mask has a plane for each class and each of the four quarters of a place, with the share of
    that quarter, 0 to 1; without a palette its colours instead, −1 to 1. A sketch has a plane for
    each pixel of a place, with its ink, 0 to 1: nothing of a line is lost.
    """
    fitted = on_canvas(kind, picture, canvas, palette)
    if kind == "mask" and palette:
        found = torch.from_numpy(quantise(fitted, palette))
        layers = F.one_hot(found, len(palette)).float()
    elif kind == "mask":
        layers = _bytes(fitted) / 127.5 - 1.0
    else:
        layers = 1.0 - _bytes(fitted)[..., :1] / 255.0
    parts = _parts(kind, factor)
    shares = F.avg_pool2d(layers.movedim(-1, 0), factor // parts)
    return F.pixel_unshuffle(shares, parts)


def _parts(kind: str, factor: int) -> int:
    return min(PARTS, factor) if kind == "mask" else factor


def _bytes(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture.convert("RGB"), dtype=np.float32))
