"""Previews: a linear map to patches, and no more of them than asked for."""

from __future__ import annotations

import numpy as np
import torch

from graph.library import Preview
from graph.preview import Painter, Watch


def test_every_latent_place_becomes_its_patch_of_colours() -> None:
    weight = ((1.0, 0.0, 0.0, 0.0) + (0.0,) * 8, (0.0,) * 8 + (0.0, 0.0, 0.0, 1.0))
    painter = Painter(Preview(weight=weight, bias=(0.0,) * 12), (4, 2))
    latents = torch.zeros(1, 2, 1, 2)
    latents[0, 0, 0, 0] = 1.0
    latents[0, 1, 0, 1] = 1.0
    (picture,) = painter(latents)
    pixels = np.asarray(picture)
    assert pixels.shape == (2, 4, 3)
    assert pixels[0, 0].tolist() == [255, 0, 0]
    assert pixels[1, 3].tolist() == [0, 0, 255]
    assert pixels.astype(int).sum() == 2 * 255


def test_a_window_of_three_sees_the_neighbours_and_repeats_the_edges() -> None:
    left_neighbour = 3  # row 1, column 0 of the window
    weight = tuple((float(row == left_neighbour),) * 3 for row in range(9))
    painter = Painter(Preview(window=3, weight=weight, bias=(0.0,) * 3), (3, 1))
    (picture,) = painter(torch.tensor([[[[0.2, 0.4, 0.8]]]]))
    assert np.asarray(picture)[0, :, 0].tolist() == [51, 51, 102]


def test_colours_out_of_range_keep_their_order_instead_of_being_cut() -> None:
    painter = Painter(Preview(weight=((1.0,) * 3,), bias=(0.5,) * 3), (64, 1))
    (steep,) = painter(torch.linspace(-3.0, 3.0, 64).view(1, 1, 1, 64))
    row = np.asarray(steep)[0, :, 0].astype(int)
    assert (np.diff(row[3:-3]) > 0).all()
    (gentle,) = painter(torch.linspace(-0.4, 0.4, 64).view(1, 1, 1, 64))
    ends = np.asarray(gentle)[0, [0, -1], 0].tolist()
    assert ends == [25, 230]  # what is in range is left alone


def test_nobody_looking_costs_nothing_and_everybody_looking_sees_each_step() -> None:
    assert [Watch(0.0, {}).due(last=True) for _ in range(3)] == [False] * 3
    always = Watch(float("inf"), {})
    assert [always.due() for _ in range(3)] == [True] * 3


def test_the_last_step_is_shown_even_if_the_previous_was_just_shown() -> None:
    rarely = Watch(1e-3, {})
    assert [rarely.due(), rarely.due(), rarely.due(last=True)] == [True, False, True]
