"""Looser maps: never other than what was drawn, only softer, coarser, or in part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageChops

from graph.planes import planes, strength
from training.loosening import GONE, LOOSER, coarse_sketch, soft_mask, told
from training.modulators import Settings, _shown
from training.pairs import SHOWN, Material, drawn

KINDS = tuple(SHOWN)


@pytest.fixture(scope="module")
def material() -> Material:
    return drawn("loosened", KINDS, 6)


def seeded(number: int) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def test_every_kind_of_map_has_a_looser_form() -> None:
    assert set(LOOSER) == set(SHOWN)


def test_of_a_map_up_to_half_is_left_out() -> None:
    shares = [np.asarray(told((64, 48), seeded(number))).mean() / 255 for number in range(200)]
    assert 1 - GONE - 0.05 < min(shares) < 0.6
    assert max(shares) > 0.95
    assert np.mean(shares) == pytest.approx(1 - GONE / 2, abs=0.05)


def test_a_coarse_sketch_has_no_line_where_none_was(material: Material) -> None:
    """All ink lies within some pixels of a line; at the least, a sketch stays as it is."""
    levels: list[float] = []
    for number, pair in enumerate(material.pairs * 4):
        sharp = np.asarray(pair.maps["sketch"].convert("L"), float)
        coarse = np.asarray(coarse_sketch(pair.maps["sketch"], seeded(number)).convert("L"), float)
        lines = Image.fromarray(((sharp < 200) * 255).astype(np.uint8))
        near = np.asarray(lines.resize((32, 32), Image.Resampling.BOX)) > 0
        around = np.pad(near, 1)
        wide = np.any([around[r : r + 32, c : c + 32] for r in range(3) for c in range(3)], 0)
        away = ~wide.repeat(4, 0).repeat(4, 1)
        assert coarse[away].min(initial=255) > 200
        levels.append(float(np.abs(np.diff(coarse)).sum() / np.abs(np.diff(sharp)).sum()))
    assert min(levels) < 0.4
    assert max(levels) > 0.65
    assert np.std(levels) > 0.1


def test_a_soft_mask_tells_the_same_classes_or_less(material: Material) -> None:
    """None is made up between two others, and what is told for sure lies where it lay."""
    least = 1.0
    for number, pair in enumerate(material.pairs * 2):
        mask = pair.maps["mask"]
        sharp, soft = (
            planes("mask", each, (128, 128), 1, material.palette)
            for each in (mask, soft_mask(mask, seeded(number)))
        )
        there = sharp.mean((1, 2)) > 0
        assert soft[~there].mean((1, 2)).amax() < 3e-3
        elsewhere = (soft.amax(0) > 0.99) & (soft.argmax(0) != sharp.argmax(0))
        assert elsewhere.float().mean() < 0.02
        mark = strength("mask", soft, material.palette)
        assert 0 <= mark.min() <= mark.max() <= 1 + 1e-5
        least = min(least, float(mark.mean()))
    assert least < 0.8


def test_as_many_examples_are_looser_as_asked(material: Material) -> None:
    """Pictures and the other examples are what they are without."""
    settings = Settings(views=8, loose=0.5)
    plain, some = (list(_shown(material, replace(settings, loose=each))) for each in (0.0, 0.5))
    assert len(plain) == len(some) == 48
    changed = [
        any(_differs(one.maps[kind], other.maps[kind]) for kind in KINDS)
        for one, other in zip(plain, some, strict=True)
    ]
    assert 14 < sum(changed) < 34
    assert not any(_differs(a.picture, b.picture) for a, b in zip(plain, some, strict=True))
    again = list(_shown(material, settings))
    assert [each.maps["mask"].tobytes() for each in again] == [
        each.maps["mask"].tobytes() for each in some
    ]


def _differs(one: Image.Image, other: Image.Image) -> bool:
    return one.mode != other.mode or ImageChops.difference(one, other).getbbox() is not None
