"""Answers as pictures: the colours of classes, near as white, and levels in the ranges' middles."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from graph.companions import GuidanceCard
from graph.levels import NoiseLevel
from graph.palettes import MaskClass
from training.guidance import Settings
from training.jobs.answers import (
    DARK,
    LEVELS,
    SIDE,
    SURE,
    Layout,
    bar,
    levels,
    named,
    painted,
    pictures,
    wrapped,
)

PALETTE = (
    MaskClass(name="sky", colour=(1, 2, 3)),
    MaskClass(name="sea", colour=(40, 50, 60)),
)


@pytest.mark.parametrize("ranges", [1, 2, 5, 7, 16])
def test_levels_are_middles_of_ranges_and_the_noisiest_comes_first(ranges: int) -> None:
    settings = Settings(ranges=ranges)
    middles = [sum(settings.stretch(number)) / 2 for number in range(ranges)]
    found = [level.log_snr for level in levels(settings)]
    assert len(found) == min(ranges, LEVELS)
    assert found == sorted(found)
    assert found == pytest.approx([each for each in middles if any(np.isclose(each, found))])
    assert found[0] == pytest.approx(middles[0])
    assert found[-1] == pytest.approx(middles[-1])
    noises = [NoiseLevel.from_log_snr(each).noise for each in found]
    assert noises == sorted(noises, reverse=True)


def test_a_mask_is_painted_in_the_colours_of_its_classes() -> None:
    card = GuidanceCard(labels=("sky", "sea"), asks="mask", palette=PALETTE)
    answer = torch.tensor([[[0.0, 5.0]], [[1.0, 2.0]]])
    found = painted(SimpleNamespace(), card, answer)
    assert np.array_equal(np.asarray(found), [[(40, 50, 60), (1, 2, 3)]])


@pytest.mark.parametrize("in_metres", [False, True])
def test_what_is_near_is_white_whatever_the_unit(in_metres: bool) -> None:
    card = GuidanceCard(labels=("", ""), asks="depth")
    answer = torch.tensor([[1.0, 2.0, 4.0]])
    found = np.asarray(painted(SimpleNamespace(in_metres=in_metres), card, answer))
    assert found.tolist() == ([[255, 85, 0]] if in_metres else [[0, 85, 255]])


def test_a_map_without_any_depth_is_black_and_a_class_is_no_map() -> None:
    card = GuidanceCard(labels=("", ""), asks="depth")
    assert not np.asarray(painted(SimpleNamespace(), card, torch.full((2, 2), 3.0))).any()
    card = GuidanceCard(labels=("sky", "sea"))
    assert painted(SimpleNamespace(), card, torch.zeros(2)) is None


def test_pictures_are_made_small_and_keep_their_proportions() -> None:
    (found,) = pictures(torch.full((1, 3, 100, 400), 3.0))
    assert found.size == (SIDE, SIDE // 4)
    assert np.asarray(found).min() == 255


def test_a_name_is_wrapped_to_three_lines() -> None:
    assert wrapped("sea at night", 128) == "sea at night"
    assert wrapped("a very long name of a class indeed it is", 60).count("\n") == 2
    assert wrapped("", 60) == ""


@pytest.mark.parametrize(("share", "rows"), [(0.0, 0), (0.5, 32), (1.0, 64)])
def test_a_bar_is_as_high_as_the_model_is_sure(share: float, rows: int) -> None:
    column = np.asarray(bar(share, 40, 64))[:, 20]
    assert [tuple(each) for each in column] == [DARK] * (64 - rows) + [SURE] * rows


def test_a_class_is_named_in_letters() -> None:
    assert np.asarray(named("sea", 128, 64)).max() > 200
    assert np.asarray(named("", 128, 64)).max() == max(DARK)


@pytest.mark.parametrize("asks", ["class", "mask", "depth"])
def test_what_is_beneath_a_picture_lies_apart_and_within(asks: Any) -> None:
    layout = Layout.of(asks, 128, 96)
    taken = np.zeros((layout.height, 128), dtype=int)
    for left, top, width, height in ((0, 0, 128, 96), layout.before, layout.now):
        taken[top : top + height, left : left + width] += 1
    assert taken.max() == 1
    assert taken[0].all()
    assert taken[-1].all()
    left, top, width, height = layout.clean
    assert (left, width) == (0, 128)
    assert 96 <= top < top + height <= layout.height
