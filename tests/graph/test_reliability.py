"""Reliability: numbers, curves, maps and sweeps, and their products, all live."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from graph.levels import CLEAN, PURE_NOISE, NoiseLevel
from graph.plan import Control, Sweep
from graph.reliability import Reliability, along

LIKE = torch.empty(0)
CANVAS = (3, 4, 4)
FADER = Control("e.reliability", "number", 1.0, 0.0, 2.0)
CURVE = Control("c.points", "curve", ())
MAP = Control("m.picture", "map", "", 0.0, 2.0)


def halves(_: str) -> Image.Image:
    """Black on the left, white on the right."""
    pixels = np.zeros((64, 64), dtype=np.uint8)
    pixels[:, 32:] = 255
    return Image.fromarray(pixels)


def test_a_curve_is_linear_between_its_points_and_flat_beyond() -> None:
    points = ((0.8, 1.0), (0.4, 0.0))
    heights = [along(points, noise) for noise in (1.0, 0.8, 0.6, 0.4, 0.0)]
    assert heights == pytest.approx([1.0, 1.0, 0.5, 0.0, 0.0])


def test_factors_multiply() -> None:
    values = {"e.reliability": 0.5, "c.points": ((1.0, 0.0), (0.0, 1.0)), "m.picture": "a" * 64}
    sweep = Sweep("s", (0.0, 1.0, 2.0))
    weight = Reliability((FADER, CURVE, MAP, sweep, 3.0), CANVAS, halves, LIKE).at(
        NoiseLevel.from_noise(0.25), values
    )
    whole = weight.tensor(torch.zeros(3, *CANVAS)).expand(3, *CANVAS)
    right = 0.5 * 0.75 * 3.0 * 2.0 * torch.tensor([0.0, 1.0, 2.0])
    assert torch.allclose(whole[:, 0, 0, 3], right)
    assert whole[:, :, :, :2].abs().max() == 0.0


def test_silence_is_known_on_the_host() -> None:
    factors = Reliability((FADER, CURVE), CANVAS, halves, LIKE)
    values = {"e.reliability": 1.0, "c.points": ((0.6, 0.0), (0.5, 1.0))}
    assert factors.at(PURE_NOISE, values).silent
    assert not factors.at(CLEAN, values).silent


def test_a_map_that_is_not_there_changes_nothing() -> None:
    weight = Reliability((MAP,), CANVAS, halves, LIKE).at(CLEAN, {"m.picture": ""})
    assert weight.spread is None
    assert weight.number == 1.0
