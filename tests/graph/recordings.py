"""Sounds of known loudness, as files."""

from __future__ import annotations

import io

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 16_000


def recorded(samples: NDArray[np.float64], form: str = "WAV", rate: int = RATE) -> bytes:
    """The samples, [n] or [n, channels], as a file."""
    file = io.BytesIO()
    subtype = "FLOAT" if form == "WAV" else None
    soundfile.write(file, samples, rate, format=form, subtype=subtype)
    return file.getvalue()


def buzz(loudness: NDArray[np.float64]) -> NDArray[np.float64]:
    """A square wave of this amplitude, sample by sample: its root mean square is the amplitude."""
    return loudness * np.where(np.arange(len(loudness)) % 2, -1.0, 1.0)


def ramp(seconds: float = 2.0, rate: int = RATE) -> bytes:
    """A buzz that swells evenly from silence to full scale."""
    return recorded(buzz(np.linspace(0.0, 1.0, round(seconds * rate))), rate=rate)


def silence(seconds: float = 1.0) -> bytes:
    """Nothing to be heard."""
    return recorded(np.zeros(round(seconds * RATE)))


def click(at: float, seconds: float = 2.0) -> bytes:
    """Silence but for a millisecond of full scale."""
    samples = np.zeros(round(seconds * RATE))
    samples[round(at * RATE) :][: RATE // 1000] = 1.0
    return recorded(samples)
