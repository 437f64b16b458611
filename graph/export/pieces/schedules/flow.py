"""The noise schedule of flow models."""

from __future__ import annotations

import math


def flow(steps: int, shift: float, trained_times: int) -> list[tuple[float, float]]:
    """Levels (alpha, sigma) of flow times from 1 to the first trained one, shifted, then clean.

    t ↦ shift·t/(1 + (shift − 1)·t) (Esser et al., arXiv 2403.03206, equation 23).
    """
    return shifted(steps, shift, reach=1 - bent(1 / trained_times, shift))


def flow_even(steps: int, shift: float) -> list[tuple[float, float]]:
    """Levels (alpha, sigma) of even flow times, shifted, then clean, as the pipeline of Flux.

    t ↦ shift·t/(1 + (shift − 1)·t) (Esser et al., arXiv 2403.03206, equation 23).
    """
    return shifted(steps, shift, reach=1 - 1 / steps)


def shifted(steps: int, shift: float, reach: float) -> list[tuple[float, float]]:
    """Times that fall evenly by `reach`, shifted, as levels."""
    times = [bent(1 - i / max(steps - 1, 1) * reach, shift) for i in range(1, steps)]
    lengths = [math.hypot(1 - time, time) for time in times]
    levels = [((1 - time) / size, time / size) for time, size in zip(times, lengths)]
    return [(0.0, 1.0), *levels, (1.0, 0.0)]


def bent(time: float, shift: float) -> float:
    """A shifted time."""
    return shift * time / (1 + (shift - 1) * time)
