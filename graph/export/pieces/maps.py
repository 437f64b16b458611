"""Maps as planes: numbers at every place of a state, of every part of a place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from graph.export.pieces.settings import DEVICE

Planes = tuple[Tensor, Tensor]  # of a map [c, h, w], and how far it is told at a place [1, h, w]


def stacked(maps: list[Planes]) -> Tensor:
    """What a modulator is told: the planes of all maps, then how far each is told, [1, c, h, w]."""
    return torch.cat([each for pair in zip(*maps) for each in pair])[None].to(DEVICE)


def shares_of_classes(file: Path, factor: int) -> Planes:
    """A mask, of which the file has the share of every class in every pixel: means of quarters."""
    shares = torch.from_numpy(np.load(file)["shares"]).movedim(-1, 0)
    planes = in_parts(shares, factor, min(factor, 2))
    return planes, planes.unflatten(0, (len(shares), -1)).sum(0).mean(0, keepdim=True)


def colours_of_mask(file: Path, factor: int) -> Planes:
    """A mask whose classes have no names: its colours, −1 to 1, means of quarters."""
    rows = torch.from_numpy(np.array(Image.open(file), dtype=np.float32)).movedim(-1, 0)
    return told(in_parts(rows / 127.5 - 1, factor, min(factor, 2)))


def ink_of_sketch(file: Path, factor: int) -> Planes:
    """A drawing: the ink of every pixel, 0 to 1."""
    rows = torch.from_numpy(np.array(Image.open(file).convert("L"), dtype=np.float32))
    return told(in_parts(1 - rows[None] / 255, factor, factor))


def nearness_of_depth(file: Path, factor: int) -> Planes:
    """A depth map: how much nearer than the mean, in deviations, means of sixteenths."""
    rows = torch.from_numpy(np.array(Image.open(file), dtype=np.float32))[None] / 255
    return told(in_parts(standardised(rows), factor, min(factor, 4)))


def no_map(count: int, height: int, width: int) -> Planes:
    """One that is not there."""
    return torch.zeros(count, height, width), torch.zeros(1, height, width)


def told(planes: Tensor) -> Planes:
    """Planes that are told everywhere."""
    return planes, torch.ones_like(planes[:1])


def in_parts(layers: Tensor, factor: int, parts: int) -> Tensor:
    """Numbers at every pixel [c, H, W] as planes over places `factor` pixels wide: means of parts.

    Every place has parts by parts of them.
    """
    return F.pixel_unshuffle(F.avg_pool2d(layers, factor // parts), parts)


def standardised(maps: Tensor) -> Tensor:
    """Maps [b, h, w] with mean 0 and variance 1; one without any difference is 0."""
    off = maps - maps.mean((1, 2), keepdim=True)
    least = 1e-6 * maps.square().mean((1, 2), keepdim=True)
    return off / (off.square().mean((1, 2), keepdim=True).maximum(least) + 1e-12).sqrt()
