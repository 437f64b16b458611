"""Envelopes: a sound laid over a run, from its first step to its last."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.controls import accept
from graph.envelopes import curve
from graph.plan import Asset, Control, Envelope
from graph.reliability import along
from graph.schedules.karras import Karras
from graph.schedules.log_snr import LogSnr
from graph.sounds import Sound, open_sound
from tests.graph.recordings import RATE, buzz, click, ramp, recorded, silence


def envelope(window: float = 0.05, low: float = 0.0, high: float = 1.0) -> Envelope:
    return Envelope("loudness.curve", Asset("a" * 64), window, low, high)


def heights(data: bytes, steps: int, **settings: float) -> list[float]:
    """What each step of a run hears, read as the loop reads a curve."""
    levels = LogSnr().levels(steps)[:-1]
    points = curve(open_sound(data), envelope(**settings), levels)
    return [along(points, level.noise) for level in levels]


@pytest.mark.parametrize("steps", [2, 11, 24, 63])
def test_a_ramp_of_amplitude_is_a_line_from_the_first_step_to_the_last(steps: int) -> None:
    heard = heights(ramp(4.0), steps, window=0.005)
    share = np.linspace(0.0, 1.0, steps)
    inner = slice(1, -1)
    assert heard[-1] == 1.0
    stretch = 1.0 / (steps - 1)
    peak = np.sqrt((1 - (1 - stretch / 2) ** 3) / (1.5 * stretch))  # the last half window
    expected = np.sqrt(share**2 + stretch**2 / 12)[inner] / peak
    assert heard[inner] == pytest.approx(expected, abs=1e-3)
    assert heard == sorted(heard)


def test_low_and_high_are_where_silence_and_the_loudest_lie() -> None:
    half = np.concatenate([np.zeros(RATE), np.ones(RATE)])
    heard = heights(recorded(buzz(0.3 * half)), 21, low=0.25, high=1.75)
    assert heard[:10] == [0.25] * 10
    assert heard[11:] == pytest.approx([1.75] * 10)
    upside_down = heights(recorded(buzz(0.3 * half)), 21, low=1.0, high=0.0)
    assert upside_down[:10] == [1.0] * 10
    assert upside_down[11:] == pytest.approx([0.0] * 10, abs=1e-9)


def test_silence_is_low_throughout() -> None:
    assert heights(silence(), 24, low=0.5, high=2.0) == [0.5] * 24


def test_hiss_below_hearing_is_silence() -> None:
    assert heights(recorded(buzz(np.full(RATE, 5e-5))), 8, low=0.5, high=2.0) == [0.5] * 8
    assert heights(recorded(buzz(np.full(RATE, 5e-4))), 8, low=0.5, high=2.0) == pytest.approx(
        [2.0] * 8
    )


@given(at=st.floats(0.0, 1.99), steps=st.integers(2, 200), window=st.floats(0.005, 0.5))
@settings(max_examples=60, deadline=None)
def test_one_click_is_never_lost(at: float, steps: int, window: float) -> None:
    heard = heights(click(at), steps, window=window)
    reach = max(window, 2.0 / (min(steps, 64) - 1)) / 2 + 2.0 / (min(steps, 64) - 1)
    times = np.linspace(0.0, 2.0, steps)
    assert max(heard) > 0.0
    assert all(h == 0.0 for h, t in zip(heard, times, strict=True) if abs(t - at) > reach + 0.002)


def test_one_click_plays_one_step() -> None:
    assert heights(click(1.0), 5, window=0.01) == [0.0, 0.0, 1.0, 0.0, 0.0]


def test_a_single_step_hears_the_whole() -> None:
    assert heights(click(1.9), 1, low=0.0, high=0.8) == pytest.approx([0.8])


@given(
    powers=st.lists(st.floats(0.0, 1.0), min_size=5, max_size=300),
    steps=st.integers(1, 200),
    low=st.floats(0.0, 4.0),
    high=st.floats(0.0, 4.0),
)
@settings(max_examples=100, deadline=None)
def test_every_curve_is_one_that_a_control_takes(
    powers: list[float], steps: int, low: float, high: float
) -> None:
    levels = Karras().levels(steps)[:-1]
    asked = envelope(low=low, high=high)
    points = curve(Sound(np.array(powers), 1e-3 * len(powers)), asked, levels)
    assert accept(Control("loudness.curve", "curve", points), points) == points
    assert len(points) == min(steps, 64)
    assert points[0][0] == levels[0].noise and points[-1][0] == levels[-1].noise
    bottom, top = min(low, high) - 1e-9, max(low, high) + 1e-9
    assert all(bottom <= height <= top for _, height in points)
    if max(powers) >= 1e-8:
        assert any(height == pytest.approx(high) for _, height in points)
