"""The noise schedules of discrete variance-preserving models."""

from __future__ import annotations

import numpy as np

HELD = (
    "curve",
    "beta_start",
    "beta_end",
    "trained_times",
    "spacing",
    "steps_offset",
    "skip_last",
    "zero_snr",
)


def discrete(times: list[int], alphas_cumprod: np.ndarray) -> list[tuple[float, float]]:
    """Levels (alpha, sigma) of the trained times that are visited, then clean."""
    visited = [float(alphas_cumprod[time]) for time in times]
    return [(square**0.5, (1 - square) ** 0.5) for square in visited] + [(1.0, 0.0)]
