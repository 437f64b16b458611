"""Curves over pairs: rows of a table and a plot in which more is higher."""

from __future__ import annotations

import numpy as np
import pytest

from training.curves import COLOUR, MARGIN, RIVAL, SIZE, Point, plot, table

POINTS = [
    Point("fine-tuned", 200, {"mask": 0.5, "sketch": 0.6}),
    Point("maps-25", 25, {"mask": 0.25, "sketch": 0.3}),
    Point("maps-200", 200, {"mask": 0.75, "sketch": 0.8}),
]


def test_a_table_names_what_learned_from_how_many() -> None:
    lines = table(POINTS).splitlines()
    assert lines[0] == "| network | pairs | mask mIoU | edge F1 |"
    assert lines[2:] == [
        "| fine-tuned | 200 | 0.500 | 0.600 |",
        "| modulator | 25 | 0.250 | 0.300 |",
        "| modulator | 200 | 0.750 | 0.800 |",
    ]


@pytest.mark.parametrize("number", [0, 1])
def test_a_line_rises_with_what_is_kept(number: int) -> None:
    """25 pairs keep half as much as 200, and rivals stand between, at their own 200."""
    shown = np.asarray(plot(POINTS))[:, number * SIZE[0] :][:, : SIZE[0]]
    line = (shown == COLOUR).all(-1)
    few, many = (np.nonzero(line[:, x])[0].mean() for x in (MARGIN + 6, SIZE[0] - MARGIN - 6))
    ring = np.nonzero((shown == RIVAL).all(-1)[:, SIZE[0] - MARGIN - 3])[0].mean()
    assert few > ring > many
    floor = SIZE[1] - MARGIN
    assert (floor - many) / (floor - few) > 2
