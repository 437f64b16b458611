"""How near every pixel is, told from the regions of a picture by the laws of the world alone."""

import torch
from torch import Tensor

from training.world import CLASSES

NAMES = tuple(each.name for each in CLASSES)
GROUND = ("sea", "sand", "grass", "snow", "street")
STANDING = ("sailboat", "house", "tree", "lighthouse", "bridge")
BEHIND = {"cloud": 0.04, "mountain": 0.16, "hills": 0.2, "forest": 0.25, "lightning": 0.25}
ALOFT = {"city": 0.28, "birds": 0.5}
PLACES = ((0, 44), (44, 84), (84, 128))
"""The columns in which a thing on the left, in the centre and on the right stands."""
LARGE = 22
"""A balloon of more columns is a large one, and nearer."""


def relief(regions: Tensor) -> Tensor:
    """How near every pixel is, [n, h, w] in [0, 1], of regions int64 [n, h, w].

    Ground comes nearer from the horizon to the lower edge, a thing is as near as its foot, and what
    is behind or in the sky lies where the world puts it (training/world). This is no network: it
    judges pictures that a network has led.
    """
    levels = torch.zeros(len(NAMES))
    for name, level in (BEHIND | ALOFT).items():
        levels[NAMES.index(name)] = level
    found = levels[regions]
    for picture, near in zip(regions, found, strict=True):
        slope = _slope(picture)
        ground = _any(picture, GROUND)
        near[ground] = slope[:, None].expand_as(near)[ground]
        for left, right in PLACES:
            _stand(picture[:, left:right], near[:, left:right], slope)
    return found


def _stand(picture: Tensor, near: Tensor, slope: Tensor) -> None:
    """Put the things of some columns where their feet are, and balloons by their size."""
    for name in STANDING:
        here = picture == NAMES.index(name)
        if here.any():
            near[here] = slope[here.any(1).nonzero().max()]
    balloon = picture == NAMES.index("balloon")
    if balloon.any():
        near[balloon] = 0.65 if int(balloon.any(0).sum()) > LARGE else 0.45


def _slope(picture: Tensor) -> Tensor:
    """How near the ground is at every row, [h]: 0.35 on the horizon, 1 at the lower edge."""
    height = len(picture)
    ground = _any(picture, GROUND)
    columns = ground.any(0)
    tops = ground.int().argmax(0)[columns]
    horizon = float(tops.float().median()) if len(tops) else height * 0.625
    rows = torch.arange(height) + 0.5
    return 0.35 + 0.65 * ((rows - horizon) / max(1.0, height - horizon)).clamp(0, 1)


def _any(picture: Tensor, names: tuple[str, ...]) -> Tensor:
    return torch.isin(picture, torch.tensor([NAMES.index(name) for name in names]))
