"""A sound for the examples: a chord that swells and fades, with a breath of noise.

The samples are the same on every machine.
"""

import io

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 16_000
SECONDS = 3.0
TONES = (220.0, 277.18, 329.63, 440.0)
"""A major, in equal temperament."""
SUMMIT = 0.7
"""The share of its time at which it is loudest."""


def swell(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """The loudness over the time in [0, 1]: silent at first, 1 at the summit, soft at the end."""
    rising = np.sin(0.5 * np.pi * share / SUMMIT) ** 2
    falling = 0.25 + 0.75 * np.cos(0.5 * np.pi * (share - SUMMIT) / (1.0 - SUMMIT)) ** 2
    return np.where(share < SUMMIT, rising, falling)


def chord() -> bytes:
    """The chord as a FLAC file of one channel."""
    time = np.arange(round(RATE * SECONDS)) / RATE
    noise = np.random.default_rng(7)
    tones = [np.sin(2.0 * np.pi * (tone * time + noise.random())) for tone in TONES]
    breath = 0.02 * noise.standard_normal(len(time))
    samples = 0.8 * swell(time / SECONDS) * (np.mean(tones, axis=0) + breath)
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="FLAC")
    return file.getvalue()
