"""The sound of the examples."""

import numpy as np
import pytest

from graph.sounds import open_sound
from training.chord import SECONDS, SUMMIT, chord, swell


def test_it_is_small_and_the_same_each_time() -> None:
    assert chord() == chord()
    assert len(chord()) < 100_000


def test_it_is_as_loud_as_it_swells() -> None:
    sound = open_sound(chord())
    assert sound.seconds == SECONDS
    share = np.linspace(0.05, 0.95, 37)
    loud = sound.loudness(SECONDS * share, 0.2)
    assert loud / loud.max() == pytest.approx(swell(share), abs=0.12)
    assert abs(share[loud.argmax()] - SUMMIT) < 0.06
    assert sound.loudness(np.array([0.0]), 0.02) < 0.01 * loud.max()
