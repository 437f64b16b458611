"""Pairs of one's own: what is usable is used, and what is not is listed by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from graph.planes import planes
from training.pairs import Pair, drawn, of_folder
from training.world import draw

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


def test_depth_of_8_or_16_bits_is_taken_and_depth_without_any_is_not(folder: Path) -> None:
    """A camera's 16 bits may use few of its greys; one grey throughout says nothing."""
    ramp = np.linspace(0, 1, 32)[:, None].repeat(32, 1)
    (folder / "depth").mkdir()
    Image.fromarray((255 * ramp).astype(np.uint8)).save(folder / "depth" / "0.png")
    Image.fromarray((3000 + 400 * ramp).astype(np.uint16)).save(folder / "depth" / "1.png")
    save(folder, "depth", "2.png", colour=(90, 90, 90))
    save(folder, "pictures", "3.png")
    save(folder, "depth", "3.png", (64, 32))
    save(folder, "pictures", "4.png")
    (folder / "depth" / "4.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    save(folder, "depth", "5.png")
    found = of_folder(folder, ("depth",))
    one, other = (np.asarray(pair.maps["depth"].convert("L"), float) for pair in found.pairs)
    assert np.abs(one - other).max() < 3
    assert [each.split(":")[0] for each in found.left_out] == ["2", "3", "depth/4.png", "5"]
    listed = "\n".join(found.left_out)
    assert "2: the depth is one grey throughout" in listed
    assert "3: the depth is 64×32 and the picture 32×32" in listed
    assert "depth/4.png: A004" in listed
    assert "5: it is not in pictures" in listed


def test_a_soft_mask_is_a_pair_and_keeps_what_is_transparent(folder: Path) -> None:
    sky, sea = np.array(SKY), np.array((26, 90, 150))
    ways = np.clip((np.arange(32) - 8) / 16, 0, 1)[None, :, None].repeat(32, 0)
    soft = (sky + ways * (sea - sky)).round().astype(np.uint8)
    Image.fromarray(soft).save(folder / "mask" / "0.png")
    clear = np.concatenate([soft, (255 * ways).astype(np.uint8)], -1)
    Image.fromarray(clear).save(folder / "mask" / "1.png")
    found = of_folder(folder, ("mask",))
    assert found.left_out == []
    assert [pair.maps["mask"].mode for pair in found.pairs] == ["RGB", "RGBA", "RGB"]
    told = planes("mask", found.pairs[1].maps["mask"], (32, 32), 1, found.palette).sum(0)
    assert torch.allclose(told[0], torch.from_numpy(ways[0, :, 0]).float(), atol=0.01)


def test_a_mask_of_16_bits_is_no_white_one(folder: Path) -> None:
    (folder / "palette.json").write_text('[{"name": "half", "colour": [128, 128, 128]}]')
    for number in range(3):
        grey = np.full((32, 32), 128 * 257, np.uint16)
        Image.fromarray(grey).save(folder / "mask" / f"{number}.png")
    assert of_folder(folder, ("mask",)).left_out == []


def test_a_draw_tells_the_depth_of_its_scenes() -> None:
    found = drawn("depth of draws", ("depth",), 3)
    scene = draw("depth of draws", 0, 3)
    for pair, near in zip(found.pairs, scene.depth[:, 0], strict=True):
        told = torch.from_numpy(np.asarray(pair.maps["depth"].convert("L"), np.float32)) / 255
        assert torch.allclose(told, near, atol=0.003)
    assert found.digest != drawn("depth of draws", ("sketch",), 3).digest


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
