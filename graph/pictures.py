"""Pictures as conditions: fitted to the canvas, quantised to a palette, traced to a sketch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps

from graph.palettes import MaskClass

MIXED = 24.0
"""How far in RGB a colour may lie from those of the classes and of their mixtures and be one."""
NOISY = 16.0
"""How far from a class a colour may lie that is it by a hair: a file may not hold it exactly."""
MOST_MIXED = 24
"""Classes of one mask whose mixtures are looked for: those that it paints most."""
WIDEST = 8
"""Canvases side by side: how wide a panorama may be."""
MIDDLE = 127
"""The lightest grey that is rather black."""
INK_BLUR = 0.6
"""Radius in pixels that gives a traced line the soft edge of the pen strokes that were learned."""


def fit(picture: Image.Image, size: tuple[int, int], *, sharp: bool = False) -> Image.Image:
    """The picture cropped to the canvas' proportions and resized to (width, height).

    `sharp` keeps palette colours unmixed, for masks. Transparent parts become white paper.
    """
    picture = eight_bits(picture)
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered)
    method = Image.Resampling.NEAREST if sharp else Image.Resampling.LANCZOS
    return ImageOps.fit(ImageOps.exif_transpose(picture).convert("RGB"), size, method)


def squeezed(picture: Image.Image, form: tuple[int, int], size: tuple[int, int]) -> Image.Image:
    """The picture cropped about its centre to the proportions of `form`, and squeezed to `size`.

    Colours and depths are left unmixed.
    """
    upright = ImageOps.exif_transpose(picture)
    width = min(float(upright.width), upright.height * form[0] / form[1])
    height = width * form[1] / form[0]
    left, top = (upright.width - width) / 2, (upright.height - height) / 2
    box = (left, top, left + width, top + height)
    return upright.resize(size, Image.Resampling.NEAREST, box)


def eight_bits(picture: Image.Image) -> Image.Image:
    """Grey of 16 bits, which Pillow would cut off at 255, as grey of 8; others as they are."""
    if not picture.mode.startswith("I;16"):
        return picture
    return Image.fromarray((np.asarray(picture) / 257).round().astype(np.uint8))


def quantise(picture: Image.Image, palette: Sequence[MaskClass]) -> NDArray[np.int64]:
    """The class of every pixel, [h, w]: the palette colour nearest in RGB."""
    pixels = np.asarray(picture.convert("RGB"), dtype=np.int64)
    colours = np.array([each.colour for each in palette], dtype=np.int64)
    return ((pixels[:, :, None] - colours) ** 2).sum(-1).argmin(-1)


def shares(
    picture: Image.Image, size: tuple[int, int], palette: Sequence[MaskClass]
) -> NDArray[np.float32]:
    """How much of every class there is in every pixel of a mask on the canvas, [h, w, classes].

    A colour of the palette is its class. A colour between those of two classes that the mask paints
    plainly is both, in proportion; any other is the nearest of these. What is transparent is told
    by as much less, and their sum is how far the mask tells anything there.
    """
    layered = ImageOps.exif_transpose(eight_bits(picture)).convert("RGBA")
    pixels = np.asarray(ImageOps.fit(layered, size, Image.Resampling.NEAREST))
    one, other, part, _ = _mixtures(pixels[..., :3], palette)
    told = pixels[..., 3].astype(np.float32) / np.float32(255)
    found = np.zeros((*one.shape, len(palette)), dtype=np.float32)
    rows, columns = np.indices(one.shape)
    found[rows, columns, one] = (1 - part) * told
    found[rows, columns, other] += part * told
    return found


def _mixtures(
    pixels: NDArray[np.uint8], palette: Sequence[MaskClass]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32], NDArray[np.bool_]]:
    """Of pixels [h, w, 3] one class, another, how much of that, and whether both are far away."""
    packed = pixels.astype(np.int64) @ np.array([65536, 256, 1])
    colours, counts = np.unique(packed, return_counts=True)
    rows = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], -1).astype(np.float64)
    known = np.array([each.colour for each in palette], dtype=np.float64)
    away = ((rows[:, None] - known) ** 2).sum(-1)
    one, exact = away.argmin(-1), away.min(-1) == 0
    plain = one[exact][np.argsort(-counts[exact], kind="stable")][:MOST_MIXED].tolist()
    if len(plain) > 1:
        strangers = np.setdiff1d(np.arange(len(known)), plain)
        away[:, strangers] = np.where(away[:, strangers] < NOISY**2, away[:, strangers], np.inf)
        one = away.argmin(-1)
    best, other, part = away.min(-1), one.copy(), np.zeros(len(rows), dtype=np.float32)
    for a, b in combinations(sorted(plain), 2):
        along = known[b] - known[a]
        way = ((rows - known[a]) @ along / (along @ along)).clip(0, 1)
        off = ((rows - known[a] - way[:, None] * along) ** 2).sum(-1)
        nearer = off < np.minimum(best, MIXED**2)
        one[nearer], other[nearer], part[nearer] = a, b, way[nearer]
        best[nearer] = off[nearer]
    where = np.searchsorted(colours, packed)
    return one[where], other[where], part[where], best[where] >= MIXED**2


def prepare(
    picture: Image.Image, steps: Sequence[str], size: tuple[int, int] | None
) -> Image.Image:
    """The picture after the preparations that a condition names, such as "edges:0.5"."""
    for step in steps:
        name, _, detail = step.partition(":")
        if name != "edges":
            raise ValueError(f"'{step}' is no preparation of a picture")
        picture = edges(picture, size or picture.size, float(detail or 0.5))
    return picture


def on_canvas(
    kind: str, picture: Image.Image, size: tuple[int, int], palette: Sequence[MaskClass]
) -> Image.Image:
    """A condition picture as experts of its kind were shown it: a mask in palette colours, ink."""
    return mask(picture, size, palette) if kind == "mask" else sketch(picture, size)


def mask(picture: Image.Image, size: tuple[int, int], palette: Sequence[MaskClass]) -> Image.Image:
    """A painted mask on the canvas in exact palette colours."""
    fitted = fit(picture, size, sharp=True)
    if not palette:
        return fitted
    colours = np.array([each.colour for each in palette], dtype=np.uint8)
    return Image.fromarray(colours[quantise(fitted, palette)])


def sketch(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A drawing on the canvas as black ink on white paper."""
    return ImageOps.grayscale(fit(picture, size)).convert("RGB")


def chalk(picture: Image.Image) -> Image.Image:
    """A drawing of ink on paper as one of chalk on a board."""
    return ImageOps.invert(fit(picture, picture.size))


def region(picture: Image.Image, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Where a painted region lies on the canvas, [h, w]: where it is rather white than black.

    What is transparent is painted as little as what is black.
    """
    layered = ImageOps.exif_transpose(eight_bits(picture)).convert("RGBA")
    on_black = Image.alpha_composite(Image.new("RGBA", layered.size, "black"), layered)
    return np.asarray(ImageOps.grayscale(fit(on_black.convert("RGB"), size))) > MIDDLE


def light(picture: Image.Image, size: tuple[int, int]) -> NDArray[np.float32]:
    """A picture on the canvas as red, green and blue, [3, h, w] from 0 to 1."""
    colours = np.asarray(fit(picture, size), dtype=np.float32) / np.float32(255)
    return np.ascontiguousarray(np.moveaxis(colours, -1, 0))


def nearness(picture: Image.Image, size: tuple[int, int]) -> NDArray[np.float32]:
    """A depth map on the canvas: how near every pixel is, [h, w], from 0 in black to 1 in white."""
    picture = stretched(picture)
    return np.asarray(ImageOps.grayscale(fit(picture, size)), dtype=np.float32) / np.float32(255)


def stretched(depth: Image.Image) -> Image.Image:
    """A depth map of 16 bits in 8, from its own least to its own greatest; others as they are.

    A camera's may use few of its 65536 greys, and only their differences count.
    """
    if not depth.mode.startswith("I;16"):
        return depth
    greys = np.asarray(depth, dtype=np.float64)
    span = max(float(np.ptp(greys)), 1.0)
    return Image.fromarray(((greys - greys.min()) * (255 / span)).round().astype(np.uint8))


def fitting(
    picture: Image.Image,
    size: tuple[int, int],
    palette: Sequence[MaskClass] = (),
    *,
    soft: bool = False,
) -> str:
    """What fitting will change about a condition picture, in words; empty if it fits as it is.

    A `soft` mask may have the mixtures of `shares`, and what is transparent.
    """
    parts: list[str] = []
    if picture.size != size:
        whole = picture.width * size[1] == picture.height * size[0]
        how = "resized" if whole else "cropped about its centre and resized"
        times, odd = divmod(picture.width * size[1], picture.height * size[0])
        wide = "" if odd or not 2 <= times <= WIDEST else f" unless the sampler's wide is {times}"
        parts.append(f"its {_by(picture.size)} pixels are {how} to {_by(size)}{wide}")
    if palette:
        pixels = np.asarray(picture.convert("RGBA").resize(size, Image.Resampling.NEAREST))
        if soft:
            strange = (_mixtures(pixels[..., :3], palette)[3] & (pixels[..., 3] > 0)).mean()
        else:
            known = np.array([each.colour for each in palette], dtype=np.uint8)
            strange = (pixels[:, :, None, :3] != known).any(-1).all(-1).mean()
        if strange > 0:
            found = np.unique(quantise(picture, palette)).tolist()
            taken = {palette[int(index)].name for index in found}
            parts.append(
                f"{100 * strange:.0f} % of it is in colours of no class and takes the nearest, "
                f"so that it holds {', '.join(sorted(taken))}"
            )
    return "; ".join(parts)


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"


def edges(picture: Image.Image, size: tuple[int, int], detail: float = 0.5) -> Image.Image:
    """The contours of a photograph as a pen would trace them, on the canvas.

    Canny's steps: smooth, gradient over the colour channels, keep only ridges of its magnitude,
    keep weak ridges only where they touch strong ones (A Computational Approach to Edge Detection,
    1986). `detail` in [0, 1] lowers the thresholds.
    """
    smooth = fit(picture, size).filter(ImageFilter.GaussianBlur(1.6 - detail))
    light = np.asarray(smooth, dtype=np.float64) / 255.0
    dy, dx = np.gradient(light, axis=(0, 1))
    channel = np.argmax(dx**2 + dy**2, axis=-1)[..., None]
    dy = np.take_along_axis(dy, channel, -1)[..., 0]
    dx = np.take_along_axis(dx, channel, -1)[..., 0]
    strength = np.hypot(dx, dy)
    ridge = np.where(_ridges(strength, dx, dy), strength, 0.0)
    high = 0.12 - 0.1 * detail
    lines = _connected(ridge > 0.4 * high, ridge > high)
    ink = Image.fromarray(np.where(lines, 0, 255).astype(np.uint8))
    return ink.filter(ImageFilter.GaussianBlur(INK_BLUR)).convert("RGB")


def _ridges(
    strength: NDArray[np.float64], dx: NDArray[np.float64], dy: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Where the strength is greatest across the edge, of four directions."""
    angle = np.round(np.arctan2(dy, dx) / (np.pi / 4)).astype(int) % 4
    padded = np.pad(strength, 1)
    height, width = strength.shape
    best = np.zeros_like(strength, dtype=bool)
    for direction, (down, right) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead = padded[1 + down : 1 + down + height, 1 + right : 1 + right + width]
        behind = padded[1 - down : 1 - down + height, 1 - right : 1 - right + width]
        best |= (angle == direction) & (strength >= ahead) & (strength > behind)
    return best


def _connected(weak: NDArray[np.bool_], strong: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The weak places that hang together with a strong one, by growing from the strong ones."""
    grown = strong
    while True:
        padded = np.pad(grown, 1)
        height, width = grown.shape
        near = np.zeros_like(grown)
        for down in range(3):
            for right in range(3):
                near |= padded[down : down + height, right : right + width]
        larger = near & weak | strong
        if (larger == grown).all():
            return grown
        grown = larger
