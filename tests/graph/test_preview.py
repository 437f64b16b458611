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
    latents[0, 1, 0, 1] = 2.0
    (picture,) = painter(latents)
    pixels = np.asarray(picture)
    assert pixels.shape == (2, 4, 3)
    assert pixels[0, 0].tolist() == [255, 0, 0]
    assert pixels[1, 3].tolist() == [0, 0, 255]
    assert pixels.astype(int).sum() == 2 * 255


def test_nobody_looking_costs_nothing_and_everybody_looking_sees_each_step() -> None:
    assert [Watch(0.0, {}).due(last=True) for _ in range(3)] == [False] * 3
    always = Watch(float("inf"), {})
    assert [always.due() for _ in range(3)] == [True] * 3


def test_the_last_step_is_shown_even_if_the_previous_was_just_shown() -> None:
    rarely = Watch(1e-3, {})
    assert [rarely.due(), rarely.due(), rarely.due(last=True)] == [True, False, True]
