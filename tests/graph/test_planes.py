"""Planes: every place says what lies in it, and nothing of a line is lost."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from graph.palettes import MaskClass
from graph.planes import plane_count, planes

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
    assert tuple(found.shape) == (plane_count("mask", factor, PALETTE), 2, 3)
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
    assert found.shape[0] == plane_count("sketch", factor, ()) == factor**2
    whole = torch.nn.functional.pixel_shuffle(found, factor)[0]
    assert torch.allclose(whole, 1 - torch.from_numpy(grey.astype(np.float32)) / 255)


def test_a_map_of_another_size_is_fitted() -> None:
    picture, _ = mask(8)
    large = picture.resize((240, 160), Image.Resampling.NEAREST)
    assert torch.equal(*(planes("mask", each, canvas(8), 8, PALETTE) for each in (picture, large)))


@pytest.mark.parametrize("factor", [1, 2, 8])
def test_depth_has_the_mean_of_every_sixteenth_in_deviations(factor: int) -> None:
    grey = np.random.default_rng(2).integers(0, 256, (2 * factor, 3 * factor), np.uint8)
    found = planes("depth", Image.fromarray(grey), canvas(factor), factor)
    parts = min(4, factor)
    assert tuple(found.shape) == (plane_count("depth", factor, ()), 2, 3) == (parts**2, 2, 3)
    near = (grey - grey.mean()) / grey.std()
    side = factor // parts
    expected = near.reshape(2 * parts, side, 3 * parts, side).mean((1, 3))
    whole = torch.nn.functional.pixel_shuffle(found, parts)[0]
    assert torch.allclose(whole, torch.from_numpy(expected).float(), atol=1e-5)


def test_only_the_differences_of_a_depth_map_count() -> None:
    """Fainter, brighter, of 16 bits or of few of their greys: the planes are the same."""
    ramp = np.linspace(0, 1, 16)[:, None].repeat(24, 1)
    pictures = [
        Image.fromarray((255 * ramp).round().astype(np.uint8)),
        Image.fromarray((100 + 100 * ramp).round().astype(np.uint8)),
        Image.fromarray((65535 * ramp).round().astype(np.uint16)),
        Image.fromarray((3000 + 400 * ramp).round().astype(np.uint16)),
    ]
    first, *others = (planes("depth", each, canvas(8), 8) for each in pictures)
    for other in others:
        assert torch.allclose(other, first, atol=0.02)
    assert float(first.mean()) == pytest.approx(0, abs=1e-6)
    turned = planes("depth", Image.fromarray((255 * (1 - ramp)).astype(np.uint8)), canvas(8), 8)
    assert torch.allclose(turned, -first, atol=0.02)


def test_one_grey_says_nothing_of_depth() -> None:
    assert not planes("depth", Image.new("L", (24, 16), 200), canvas(8), 8).any()
