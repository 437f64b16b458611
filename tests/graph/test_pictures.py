"""Pictures as conditions: any size is fitted, colours are snapped, photographs are traced."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from graph.library import MaskClass
from graph.pictures import edges, fit, fitting, mask, sketch

PALETTE = (
    MaskClass(name="sky", colour=(80, 150, 220)),
    MaskClass(name="sea", colour=(20, 60, 120)),
)


def test_a_wide_picture_is_cropped_about_its_centre_not_squashed() -> None:
    wide = Image.new("RGB", (300, 100), "white")
    ImageDraw.Draw(wide).ellipse((130, 30, 170, 70), fill="black")
    dark = np.asarray(fit(wide, (50, 50)).convert("L")) < 128
    rows, columns = np.flatnonzero(dark.any(1)), np.flatnonzero(dark.any(0))
    assert abs((rows[-1] - rows[0]) - (columns[-1] - columns[0])) <= 1
    assert abs(columns.mean() - 24.5) <= 1


def test_a_mask_of_another_size_and_slightly_wrong_colours_is_snapped_to_the_palette() -> None:
    painted = Image.new("RGB", (77, 77), (85, 140, 230))
    ImageDraw.Draw(painted).rectangle((0, 40, 77, 77), fill=(10, 70, 110))
    colours = {
        tuple(pixel) for row in np.asarray(mask(painted, (32, 32), PALETTE)) for pixel in row
    }
    assert colours == {each.colour for each in PALETTE}


def test_transparent_paper_is_white() -> None:
    drawn = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    ImageDraw.Draw(drawn).line((0, 20, 40, 20), fill=(0, 0, 0, 255), width=3)
    light = np.asarray(sketch(drawn, (40, 40)).convert("L"))
    assert light[0, 0] == 255
    assert light[20, 20] == 0


def test_edges_trace_the_outline_of_a_disc_within_a_pixel_and_nothing_else() -> None:
    photo = Image.new("RGB", (256, 256), (200, 220, 240))
    ImageDraw.Draw(photo).ellipse((64, 64, 192, 192), fill=(180, 60, 40))
    ink = np.asarray(edges(photo, (128, 128)).convert("L")) < 128
    y, x = np.nonzero(ink)
    radius = np.hypot(x - 63.5, y - 63.5)
    assert np.abs(radius - 32).max() <= 1.5
    angles = np.unique((np.degrees(np.arctan2(y - 63.5, x - 63.5)) // 10).astype(int))
    assert len(angles) == 36


def test_an_even_photograph_has_no_edges() -> None:
    assert np.asarray(edges(Image.new("RGB", (90, 60), "teal"), (64, 64))).min() == 255


def test_more_detail_keeps_fainter_lines() -> None:
    photo = Image.new("L", (64, 64), 120)
    ImageDraw.Draw(photo).rectangle((20, 20, 44, 44), fill=140)
    traced = [np.asarray(edges(photo, (64, 64), detail)).min() for detail in (0.0, 1.0)]
    assert traced[0] == 255
    assert traced[1] < 128


def test_what_fitting_changes_is_said_in_words() -> None:
    painted = Image.new("RGB", (64, 32), PALETTE[0].colour)
    ImageDraw.Draw(painted).rectangle((32, 0, 63, 31), fill=(25, 60, 120))
    assert fitting(painted, (32, 32), PALETTE) == (
        "its 64×32 pixels are cropped about its centre and resized to 32×32 "
        "unless the sampler's wide is 2; "
        "50 % of it is in colours of no class and takes the nearest, so that it holds sea, sky"
    )
    assert fitting(mask(painted, (32, 32), PALETTE), (32, 32), PALETTE) == ""
    assert fitting(Image.new("L", (64, 64)), (32, 32)) == "its 64×64 pixels are resized to 32×32"


def test_a_picture_of_several_canvases_is_whole_in_a_panorama() -> None:
    canvas = (32, 16)
    assert fitting(Image.new("RGB", (256, 32)), canvas).endswith("unless the sampler's wide is 4")
    for size in ((64, 32), (250, 32), (16, 32), (576, 32)):
        assert "wide" not in fitting(Image.new("RGB", size), canvas)
