"""Planes: every place says what lies in it, and nothing of a line is lost."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from graph.modulators.unet import UNet, untrained
from graph.palettes import MaskClass
from graph.pictures import fitting
from graph.planes import plane_count, planes, strength

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


def test_a_colour_between_two_classes_is_both_in_proportion() -> None:
    """Sky to the left, moon to the right, and between them a quarter, a half, three quarters."""
    sky, moon = (np.array(PALETTE[i].colour, float) for i in (0, 1))
    ways = np.array([0, 0, 0, 0.25, 0.5, 0.75, 1, 1])
    row = (sky + ways[:, None] * (moon - sky)).round().astype(np.uint8)
    picture = Image.fromarray(row[None].repeat(8, 0))
    found = planes("mask", picture, (8, 8), 1, PALETTE)
    assert torch.allclose(found[1, 0], torch.from_numpy(ways).float(), atol=0.003)
    assert torch.allclose(found[:2].sum(0), torch.ones(8, 8))
    assert not found[2].any()
    quarters = planes("mask", picture, (8, 8), 8, PALETTE)[:, 0, 0]
    assert torch.allclose(quarters[4:6], torch.tensor([0.25 / 4, 3.25 / 4]), atol=0.003)


def test_a_class_whose_colour_lies_on_the_way_is_not_painted_between_two_others() -> None:
    near = (*PALETTE[:2], MaskClass(name="rim", colour=(125, 125, 238)))
    row = np.array([[0, 0, 255], [125, 125, 232], [250, 250, 210]], np.uint8)
    picture = Image.fromarray(row[None].repeat(2, 0).repeat(2, 1))
    assert torch.equal(
        planes("mask", picture, (6, 2), 1, near)[:, 0, 2:4].round(decimals=2),
        torch.tensor([[0.5, 0.5], [0.5, 0.5], [0.0, 0.0]]),
    )
    exact = Image.fromarray(np.where(row == 232, 238, row)[None].astype(np.uint8).repeat(2, 0))
    assert planes("mask", exact, (3, 2), 1, near)[2, 0].tolist() == [0.0, 1.0, 0.0]


def test_a_blurred_mask_has_blurred_shares() -> None:
    """Blurring colours blurs the shares, wherever no more than two classes meet."""
    rows = np.repeat([0, 2, 1], 32)[None].repeat(64, 0)
    colours = np.array([each.colour for each in PALETTE], np.uint8)
    soft = Image.fromarray(colours[rows]).filter(ImageFilter.GaussianBlur(3))
    found = planes("mask", soft, (96, 64), 1, PALETTE)
    for number in range(3):
        plain = Image.fromarray(np.where(rows == number, 255, 0).astype(np.uint8))
        expected = np.asarray(plain.filter(ImageFilter.GaussianBlur(3)), np.float32) / 255
        assert np.abs(found[number].numpy() - expected).max() < 0.04


def test_what_is_transparent_is_not_told() -> None:
    """A class at the strength of its alpha, nothing where there is none; so is the mark."""
    sky = np.array(PALETTE[0].colour, np.uint8)
    picture = np.zeros((16, 24, 4), np.uint8)
    picture[..., :3] = sky
    picture[:, 8:16, 3], picture[:, 16:, 3] = 51, 255
    found = planes("mask", Image.fromarray(picture), canvas(8), 8, PALETTE)
    assert torch.allclose(found[:4, 0], torch.tensor([0.0, 0.2, 1.0]).expand(4, 3))
    assert not found[4:].any()
    mark = strength("mask", found, PALETTE)
    assert tuple(mark.shape) == (1, 2, 3)
    assert torch.allclose(mark[0, 1], torch.tensor([0.0, 0.2, 1.0]))
    assert strength("mask", found[None], PALETTE).shape == (1, 1, 2, 3)
    assert strength("sketch", torch.zeros(64, 2, 3)).eq(1).all()


def test_a_mask_that_tells_nothing_is_as_an_absent_one() -> None:
    kinds = "mask", "sketch"
    made = UNet(untrained((2, 2, 3), kinds, 8, PALETTE, (8,)), kinds, (2, 2, 3), PALETTE, 8)
    clear = made.reader("mask").encode(Image.new("RGBA", (24, 16), (0, 0, 255, 0)))
    plain = made.reader("mask").encode(Image.new("RGB", (24, 16), (0, 0, 255)))
    assert torch.equal(made.stack({"mask": clear}), made.stack({}))
    assert made.stack({"mask": plain})[-2:, 0, 0].tolist() == [1.0, 0.0]


def test_a_colour_of_no_class_is_the_nearest_and_named_as_strange() -> None:
    rows = np.zeros((4, 4, 3), np.uint8)
    rows[:] = PALETTE[0].colour
    rows[:, 2:] = PALETTE[1].colour
    rows[0, 0] = (255, 0, 0)
    picture = Image.fromarray(rows)
    assert planes("mask", picture, (4, 4), 1, PALETTE)[:, 0, 0].tolist() == [0.0, 1.0, 0.0]
    assert fitting(picture, (4, 4), PALETTE, soft=True).startswith("6 % of it is in colours of no")
    rows[0, 0] = 0.5 * (rows[1, 0].astype(float) + rows[1, 3])
    assert fitting(Image.fromarray(rows), (4, 4), PALETTE, soft=True) == ""
    assert fitting(Image.fromarray(rows), (4, 4), PALETTE) != ""


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
