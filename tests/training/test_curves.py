"""Curves over pairs: rows of a table and a plot in which more is higher."""

from __future__ import annotations

import numpy as np
import pytest

from training.curves import COLOURS, SIZE, Point, plot, table

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


@pytest.mark.parametrize("kind", COLOURS)
def test_a_line_rises_with_what_is_kept(kind: str) -> None:
    shown = np.asarray(plot(POINTS))
    assert shown.shape == (SIZE[1], SIZE[0], 3)
    drawn = (shown == COLOURS[kind]).all(-1)
    heights = [np.nonzero(column)[0].mean() for column in drawn.T if column.any()]
    assert heights[2] > heights[len(heights) // 2]
    few, many = (np.nonzero(drawn[:, x])[0] for x in (54, 560))
    assert few.min() > many.min()
