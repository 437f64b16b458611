"""Pairs of one's own: what is usable is used, and what is not is listed by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from training.pairs import Pair, drawn, of_folder

KINDS = ("mask", "sketch")
SKY = (116, 176, 224)


def save(folder: Path, kind: str, name: str, size: tuple[int, int] = (32, 32), colour=SKY) -> None:
    path = folder / kind / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(3):
        save(tmp_path, "pictures", f"{number}.jpg")
        save(tmp_path, "mask", f"{number}.png")
        save(tmp_path, "sketch", f"{number}.webp", colour=(255, 255, 255))
    palette = [{"name": "sky", "colour": SKY}, {"name": "sea", "colour": (26, 90, 150)}]
    (tmp_path / "palette.json").write_text(json.dumps(palette))
    return tmp_path


def test_pairs_are_matched_by_their_names(folder: Path) -> None:
    found = of_folder(folder, KINDS)
    assert len(found.pairs) == 3
    assert found.left_out == []
    assert [each.name for each in found.palette] == ["sky", "sea"]
    assert set(found.pairs[0].maps) == {"mask", "sketch"}
    assert len(of_folder(folder, ("sketch",)).pairs) == 3


def test_what_cannot_be_used_is_listed_by_name_and_the_rest_counts(folder: Path) -> None:
    save(folder, "pictures", "lone.png")
    save(folder, "mask", "orphan.png")
    for kind in ("pictures", *KINDS):
        save(folder, kind, "wide.png", (32, 32) if kind == "pictures" else (64, 32))
        save(folder, kind, "strange.png", colour=(255, 0, 255))
        save(folder, kind, "cut.png")
    cut = folder / "sketch" / "cut.png"
    cut.write_bytes(cut.read_bytes()[:40])
    (folder / "mask" / "notes.txt").write_text("x")
    save(folder, "pictures", "0.png")
    found = of_folder(folder, KINDS)
    assert len(found.pairs) == 3
    listed = "\n".join(found.left_out)
    assert "lone: it is not in mask, sketch" in listed
    assert "orphan: it is not in pictures, sketch" in listed
    assert "wide: the mask is 64×32 and the picture 32×32" in listed
    assert "strange: of the mask 100 % of it is in colours of no class" in listed
    assert "sketch/cut.png: A004" in listed
    assert "mask/notes.txt: expected .png" in listed
    assert "pictures/0.png" in listed or "pictures/0.jpg" in listed
    assert len(found.left_out) == 7


def test_large_pictures_are_kept_smaller_and_masks_unmixed(folder: Path) -> None:
    for kind in ("pictures", *KINDS):
        save(folder, kind, "0.jpg" if kind == "pictures" else "0.png", (3000, 2000))
    striped = Image.new("RGB", (3000, 2000), SKY)
    striped.paste((26, 90, 150), (0, 0, 1501, 2000))
    striped.save(folder / "mask" / "0.png")
    (folder / "sketch" / "0.webp").unlink()
    found = of_folder(folder, KINDS)
    assert found.sizes == ((3000, 2000), (32, 32), (32, 32))
    pair = found.pairs[0]
    assert pair.picture.size == pair.maps["mask"].size == (768, 512)
    assert len(pair.maps["mask"].getcolors()) == 2
    assert found.pairs[1].picture.size == (32, 32)


def test_without_a_palette_any_colour_is_a_class(folder: Path) -> None:
    (folder / "palette.json").unlink()
    for kind in ("pictures", *KINDS):
        save(folder, kind, "strange.png", colour=(255, 0, 255))
    assert len(of_folder(folder, KINDS).pairs) == 4


@pytest.mark.parametrize("content", ["{", "[1]", '[{"name": "sky"}]', '{"sky": [1, 2, 3]}'])
def test_a_palette_that_is_none_is_refused(folder: Path, content: str) -> None:
    (folder / "palette.json").write_text(content)
    with pytest.raises(ValueError, match=r"palette.json' is no palette"):
        of_folder(folder, KINDS)


def test_a_folder_of_another_form_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no folder 'pictures'.*'mask', 'sketch'"):
        of_folder(tmp_path, KINDS)


def test_a_draw_is_its_own_and_the_same_every_time() -> None:
    one, again, other = (drawn(name, KINDS, 2) for name in ("a", "a", "b"))
    assert one.digest == again.digest != other.digest
    assert one.pairs[0].condition("text+mask") == {
        "text": one.pairs[0].said["text"],
        "mask": one.pairs[0].maps["mask"],
    }


def test_views_show_the_same_part_of_picture_and_maps():
    """The world's masks and sketches lie on their pictures: so must those of every part."""
    (pair,) = drawn("views", ("mask", "sketch"), 1).pairs
    places = Image.linear_gradient("L").resize((128, 128)).convert("RGB")
    marked = Pair(places, {"mask": places, "sketch": places.resize((256, 256))}, pair.said)
    views = marked.views(12, torch.Generator().manual_seed(0))
    assert views[0] is marked and views[1].picture == marked.flipped().picture
    assert len({view.picture.tobytes() for view in views}) > 8
    for view in views:
        assert min(view.picture.size) >= 102
        assert view.maps["mask"].tobytes() == view.picture.tobytes()
        seen, doubled = (
            np.asarray(each.resize((32, 32)), float) for each in (view.picture, view.maps["sketch"])
        )
        assert np.abs(seen - doubled).max() < 4
        assert view.condition("class") == pair.condition("class")
        assert view is views[0] or view.condition("text") is None
