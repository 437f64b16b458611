"""The regions a mask can name, each with one fixed colour."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class MaskClass:
    """A named region and its RGB colour in 0..255."""

    name: str
    colour: tuple[int, int, int]


CLASSES: tuple[MaskClass, ...] = (
    MaskClass("sky", (116, 176, 224)),
    MaskClass("sun", (255, 221, 87)),
    MaskClass("moon", (250, 250, 210)),
    MaskClass("cloud", (232, 232, 240)),
    MaskClass("lightning", (255, 90, 255)),
    MaskClass("mountain", (120, 120, 140)),
    MaskClass("hills", (140, 150, 80)),
    MaskClass("forest", (18, 84, 60)),
    MaskClass("sea", (26, 90, 150)),
    MaskClass("sand", (222, 184, 112)),
    MaskClass("grass", (104, 190, 74)),
    MaskClass("snow", (184, 216, 232)),
    MaskClass("street", (166, 148, 148)),
    MaskClass("city", (76, 62, 104)),
    MaskClass("sailboat", (220, 60, 60)),
    MaskClass("house", (240, 130, 40)),
    MaskClass("tree", (0, 150, 110)),
    MaskClass("lighthouse", (150, 20, 60)),
    MaskClass("balloon", (160, 70, 200)),
    MaskClass("bridge", (120, 76, 40)),
    MaskClass("birds", (16, 16, 28)),
)

CLASS_INDEX: dict[str, int] = {c.name: i for i, c in enumerate(CLASSES)}


def _palette(device: torch.device) -> Tensor:
    return torch.tensor([c.colour for c in CLASSES], dtype=torch.float32, device=device) / 255


def mask_to_rgb(mask: Tensor) -> Tensor:
    """Paint an int64 mask [n,h,w] with the class colours; float32 [n,3,h,w] in [0,1]."""
    return _palette(mask.device)[mask].permute(0, 3, 1, 2).contiguous()


def rgb_to_mask(picture: Tensor) -> Tensor:
    """Name every pixel of [n,3,h,w] in [0,1] after the nearest class colour; int64 [n,h,w]."""
    palette = _palette(picture.device)
    pixels = picture.permute(0, 2, 3, 1).float()
    # |p - c|^2 without |p|^2, which is the same for every class
    return ((palette**2).sum(-1) - 2 * pixels @ palette.T).argmin(-1)
