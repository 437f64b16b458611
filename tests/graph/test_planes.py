"""Planes: every place says what lies in it, and nothing of a line is lost."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from graph.palettes import MaskClass
from graph.planes import depth, planes

PALETTE = (
    MaskClass(name="sky", colour=(0, 0, 255)),
    MaskClass(name="moon", colour=(250, 250, 210)),
    MaskClass(name="cloud", colour=(232, 232, 240)),
)


def canvas(factor: int) -> tuple[int, int]:
    """The canvas of three times two places."""
    return 3 * factor, 2 * factor


def mask(factor: int) -> tuple[Image.Image, np.ndarray]:
    """A mask of random classes, and their numbers."""
    rows = np.random.default_rng(0).integers(0, 3, (2 * factor, 3 * factor))
    colours = np.array([each.colour for each in PALETTE], np.uint8)
    return Image.fromarray(colours[rows]), rows


@pytest.mark.parametrize("factor", [1, 2, 8])
def test_a_mask_has_the_share_of_every_class_in_every_quarter(factor: int) -> None:
    picture, rows = mask(factor)
    found = planes("mask", picture, canvas(factor), factor, PALETTE)
    parts = min(2, factor)
    side = factor // parts
    assert tuple(found.shape) == (depth("mask", factor, PALETTE), 2, 3)
    for number in range(3):
        for down in range(parts):
            for right in range(parts):
                plane = found[number * parts**2 + down * parts + right]
                for y in range(2):
                    for x in range(3):
                        top, left = y * factor + down * side, x * factor + right * side
                        quarter = rows[top : top + side, left : left + side]
                        assert float(plane[y, x]) == pytest.approx((quarter == number).mean())


def test_classes_of_like_colours_are_as_far_apart_as_any() -> None:
    seen = [
        planes("mask", Image.new("RGB", (24, 16), each.colour), canvas(8), 8, PALETTE)
        for each in PALETTE
    ]
    apart = [float((seen[i] - seen[j]).norm()) for i, j in ((0, 1), (1, 2), (0, 2))]
    assert apart[0] == apart[1] == apart[2] > 0


def test_a_mask_without_a_palette_is_told_by_its_colours() -> None:
    found = planes("mask", Image.new("RGB", (24, 16), (255, 0, 127)), canvas(8), 8)
    assert tuple(found.shape) == (12, 2, 3)
    assert found[:4].eq(1).all()
    assert found[4:8].eq(-1).all()
    assert torch.allclose(found[8:], torch.full((4, 2, 3), 127 / 127.5 - 1))


@pytest.mark.parametrize("factor", [1, 8])
def test_nothing_of_a_sketch_is_lost(factor: int) -> None:
    grey = np.random.default_rng(1).integers(0, 256, (2 * factor, 3 * factor), np.uint8)
    found = planes("sketch", Image.fromarray(grey), canvas(factor), factor)
    assert found.shape[0] == depth("sketch", factor, ()) == factor**2
    whole = torch.nn.functional.pixel_shuffle(found, factor)[0]
    assert torch.allclose(whole, 1 - torch.from_numpy(grey.astype(np.float32)) / 255)


def test_a_map_of_another_size_is_fitted() -> None:
    picture, _ = mask(8)
    large = picture.resize((240, 160), Image.Resampling.NEAREST)
    assert torch.equal(*(planes("mask", each, canvas(8), 8, PALETTE) for each in (picture, large)))
