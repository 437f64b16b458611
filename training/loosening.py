"""Maps as a hurried hand makes them: softer masks, coarser sketches, and either told in part."""

import numpy as np
import torch
from PIL import Image, ImageChops, ImageFilter, ImageOps
from torch import Generator, Tensor
from torch.nn import functional as F

COARSEST = 4.0
"""How many times fewer pixels the coarsest sketch has on a side."""
SOFTEST = 0.025
"""Radius of the softest border, as a share of the mask's longer side."""
GONE = 0.5
"""The greatest share of a map that is left out."""


def soft_mask(mask: Image.Image, generator: Generator) -> Image.Image:
    """The mask with softer borders; of every second one a part is transparent, and so is untold."""
    soft = _blurred(mask.convert("RGB"), generator)
    if float(torch.rand((), generator=generator)) < 0.5:
        soft.putalpha(told(mask.size, generator))
    return soft


def smooth_depth(depth: Image.Image, generator: Generator) -> Image.Image:
    """The depth map with softer borders, as a wide brush leaves it."""
    return _blurred(depth, generator)


def coarse_sketch(sketch: Image.Image, generator: Generator) -> Image.Image:
    """The sketch with fewer, broader lines; of every second one a part is left out."""
    coarser = float(torch.rand((), generator=generator))
    drawn = coarse(sketch, 1.0 + coarser * (COARSEST - 1.0))
    if float(torch.rand((), generator=generator)) < 0.5:
        drawn = ImageChops.lighter(drawn, ImageOps.invert(told(drawn.size, generator)))
    return drawn.convert("RGB")


def coarse(sketch: Image.Image, by: float) -> Image.Image:
    """The sketch in grey, as if drawn with so many times fewer pixels a side, as dark as before."""
    ink = ImageOps.invert(sketch.convert("L"))
    few = max(1, round(ink.width / by)), max(1, round(ink.height / by))
    broad = ink.resize(few, Image.Resampling.BOX).resize(ink.size, Image.Resampling.BICUBIC)
    darkest, faded = (max(1, int(np.asarray(each).max())) for each in (ink, broad))
    return ImageOps.invert(
        broad.point([min(255, round(value * darkest / faded)) for value in range(256)])
    )


LOOSER = {"mask": soft_mask, "sketch": coarse_sketch, "depth": smooth_depth}


def _blurred(picture: Image.Image, generator: Generator) -> Image.Image:
    radius = float(torch.rand((), generator=generator)) * SOFTEST * max(picture.size)
    return picture.filter(ImageFilter.GaussianBlur(radius))


def told(size: tuple[int, int], generator: Generator) -> Image.Image:
    """What of a map is told, in grey: white blobs with soft rims, `GONE` of it black at most."""
    width, height = size
    spots = torch.rand((1, 1, 5, 5), generator=generator)
    gone = GONE * float(torch.rand((), generator=generator))
    field: Tensor = F.interpolate(spots, (height, width), mode="bicubic", align_corners=True)[0, 0]
    edge = field.quantile(gone)
    light = (0.5 + 4.0 * (field - edge)).clamp(0.0, 1.0) * 255.0
    return Image.fromarray(light.round().to(torch.uint8).numpy())
