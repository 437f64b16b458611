"""Pictures: reproducible, independent of their batch, and in agreement with mask and sketch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from training.world import CLASSES, SIZE, Pictures, draw, mask_to_rgb, rgb_to_mask
from training.world.canvas import LABEL
from training.world.render import paint
from training.world.scene import Scene, seeds_of
from training.world.stage import Stage

NAMES = [c.name for c in CLASSES]
COUNT = 256


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    return draw("tests", 0, COUNT)


def _labels(scenes: list[Scene], rows: list[int]) -> Tensor:
    """Masks of altered scenes drawn with the seeds of pictures `rows`."""
    stage = Stage(scenes, seeds_of("tests", 0, COUNT)[rows], np.zeros(len(rows), np.float32))
    return paint(stage, torch.device("cpu")).planes[:, LABEL].long()


def test_shapes_types_and_ranges(pictures: Pictures) -> None:
    assert pictures.picture.shape == (COUNT, 3, SIZE, SIZE)
    assert pictures.mask.shape == (COUNT, SIZE, SIZE) and pictures.mask.dtype == torch.int64
    for plane in (pictures.sketch, pictures.depth):
        assert plane.shape == (COUNT, 1, SIZE, SIZE) and plane.dtype == torch.float32
    for plane in (pictures.picture, pictures.sketch, pictures.depth):
        assert plane.min() >= 0 and plane.max() <= 1 and plane.isfinite().all()
    assert pictures.mask.min() >= 0 and pictures.mask.max() < len(CLASSES)
    assert len(pictures.captions) == len(pictures.scenes) == COUNT
    assert torch.equal(pictures.scene_kind, torch.tensor([s.kind for s in pictures.scenes]))


@pytest.mark.parametrize(("start", "count"), [(5, 1), (31, 2), (60, 45)])
def test_a_picture_does_not_depend_on_its_batch(pictures: Pictures, start: int, count: int) -> None:
    again, rows = draw("tests", start, count), slice(start, start + count)
    for name in ("picture", "mask", "sketch", "depth"):
        assert torch.equal(getattr(again, name), getattr(pictures, name)[rows]), name
    assert again.captions == pictures.captions[rows]


def test_names_draw_different_pictures(pictures: Pictures) -> None:
    other = draw("others", 0, 32)
    same = (other.picture[:, None] == pictures.picture[None, :64]).flatten(2).all(-1)
    assert not same.any()


def test_caption_variant_leaves_the_picture_alone(pictures: Pictures) -> None:
    other = draw("tests", 0, 16, caption_variant=1)
    assert torch.equal(other.picture, pictures.picture[:16])
    assert other.captions != pictures.captions[:16]


def test_time_moves_clouds_and_falling_things_only_a_little(pictures: Pictures) -> None:
    later = draw("tests", 0, 64, time=0.5)
    cloudy = [i for i in range(64) if pictures.scenes[i].weather == "cloudy"]
    assert not torch.equal(later.picture[cloudy], pictures.picture[cloudy])
    still = (later.mask == pictures.mask[:64]).float().mean()
    assert still > 0.97
    each = draw("tests", 0, 2, time=torch.tensor([0.0, 0.5]))
    assert torch.equal(each.picture[0], pictures.picture[0])
    assert torch.equal(each.picture[1], later.picture[1])


def test_mask_holds_what_the_scene_says(pictures: Pictures) -> None:
    ground = {
        "sea": "sea",
        "desert": "sand",
        "meadow": "grass",
        "snowfield": "snow",
        "city": "city",
    }
    back = {"mountains": "mountain", "hills": "hills", "forest": "forest"}
    for scene, mask in zip(pictures.scenes, pictures.mask, strict=True):
        area = torch.bincount(mask.flatten(), minlength=len(CLASSES))
        pixels = {name: int(area[i]) for i, name in enumerate(NAMES)}
        assert pixels[ground[scene.ground]] > 1000
        for name, cls in back.items():
            assert (pixels[cls] > 500) == (scene.background == name), (scene, cls)
        for kind in {o.kind for o in scene.objects}:
            assert pixels[kind] >= 60, (scene, kind)
        present = {o.kind for o in scene.objects}
        assert all(pixels[k] == 0 for k in NAMES[14:] if k not in present)
        assert (pixels["cloud"] > 100) == (scene.weather != "clear")
        assert (pixels["lightning"] > 60) == (scene.weather == "storm")
        if scene.weather == "clear" and len(scene.objects) < 3:
            assert pixels["moon" if scene.time == "night" else "sun"] > 60, scene


def test_objects_hide_each_other_by_less_than_two_fifths(pictures: Pictures) -> None:
    crowded = [i for i, s in enumerate(pictures.scenes) if len(s.objects) > 1]
    for slot in range(3):
        rows = [i for i in crowded if len(pictures.scenes[i].objects) > slot]
        alone = [replace(s, objects=(s.objects[slot],)) for s in (pictures.scenes[i] for i in rows)]
        kinds = torch.tensor([NAMES.index(s.objects[0].kind) for s in alone])[:, None, None]
        own = _labels(alone, rows) == kinds
        seen = (own & (pictures.mask[rows] == kinds)).sum((1, 2))
        assert (seen / own.sum((1, 2))).min() >= 0.6


def test_outlines_lie_on_region_borders(pictures: Pictures) -> None:
    mask = pictures.mask
    border = torch.zeros(mask.shape)
    across, down = (mask[:, :, 1:] != mask[:, :, :-1]), (mask[:, 1:] != mask[:, :-1])
    border[:, :, 1:][across] = border[:, :, :-1][across] = 1
    border[:, 1:][down] = border[:, :-1][down] = 1
    near_border = functional.max_pool2d(border[:, None], 3, 1, 1) > 0
    near_ink = functional.max_pool2d(pictures.sketch, 3, 1, 1) > 0.3
    drawn = near_ink[border[:, None] > 0].float().mean()
    strong = pictures.sketch > 0.85
    assert drawn > 0.97
    # the rest are the few full-strength lines inside objects: sails, roofs, lanterns
    assert near_border[strong].float().mean() > 0.85


def test_sketches_are_mostly_paper(pictures: Pictures) -> None:
    share = pictures.sketch.mean((1, 2, 3))
    assert share.min() > 0.008 and share.max() < 0.2


def test_mask_colours_are_invertible_and_tolerant(pictures: Pictures) -> None:
    shown = mask_to_rgb(pictures.mask[:8])
    assert torch.equal(rgb_to_mask(shown), pictures.mask[:8])
    noise = torch.rand(shown.shape, generator=torch.Generator().manual_seed(0)) - 0.5
    assert torch.equal(rgb_to_mask(shown + 0.03 * noise), pictures.mask[:8])


def test_things_stand_nearer_than_what_they_hide(pictures: Pictures) -> None:
    for i, scene in enumerate(pictures.scenes):
        for thing in scene.objects:
            depth = pictures.depth[i, 0][pictures.mask[i] == NAMES.index(thing.kind)]
            assert depth.min() > 0.35, scene


def test_wrong_ranges_are_refused() -> None:
    with pytest.raises(ValueError, match="count >= 1"):
        draw("tests", 0, 0)
