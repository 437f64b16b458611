"""Sounds: WAV, FLAC and OGG files within limits, read as how loud they are over time.

Loading this module needs neither torch nor libsndfile; that is loaded with the first sound.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graph.errors import ChoraleError, Diagnostic
from graph.signatures import looks_like

if TYPE_CHECKING:
    from soundfile import SoundFile

FORMATS = ("a WAV sound", "a FLAC sound", "an OGG sound")
MAX_BYTES = 12 * 2**20
MAX_SECONDS = 60.0
MAX_CHANNELS = 8
RATES = (8_000, 192_000)
BLOCK = 65_536
STREAMED = 0xFFFFFFFF
"""The length in the header of a WAV file that was written before its end was known."""
MILLISECOND = 1e-3
SILENCE = 1e-4
"""The root mean square, of full scale, below which there is nothing to be heard: -80 dB."""


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """How loud a sound is over time, its channels mixed down.

    `power` [milliseconds] is the mean square of the samples, full scale 1, within each millisecond.
    """

    power: NDArray[np.float64]
    seconds: float

    @property
    def peak(self) -> float:
        """The root mean square of its loudest millisecond."""
        return float(np.sqrt(self.power.max()))

    def loudness(self, moments: NDArray[np.float64], window: float) -> NDArray[np.float64]:
        """The root mean square within `window` seconds about each moment, cut at both ends."""
        edges = np.append(MILLISECOND * np.arange(len(self.power)), self.seconds)
        heard = np.concatenate([[0.0], np.cumsum(self.power * np.diff(edges))])
        start = np.clip(moments - 0.5 * window, 0.0, self.seconds)
        end = np.clip(moments + 0.5 * window, 0.0, self.seconds)
        energy = np.interp(end, edges, heard) - np.interp(start, edges, heard)
        return np.sqrt(np.clip(energy, 0.0, None) / (end - start))


def open_sound(data: bytes) -> Sound:
    """Read a WAV, FLAC or OGG within the limits; ChoraleError A007 or A011 to A015."""
    if len(data) > MAX_BYTES:
        raise _refused(
            "A007",
            f"The file has {len(data) / 2**20:.1f} MB; at most {MAX_BYTES / 2**20:.1f} are taken.",
            "Cut it shorter, or save it as FLAC.",
        )
    kind = looks_like(data)
    if kind not in FORMATS:
        what = f"it looks like {kind}" if kind else "it begins like none"
        raise _refused(
            "A011",
            f"The file is no sound that is taken: {what}.",
            "Choose a WAV, FLAC or OGG file.",
        )
    if kind == "a WAV sound":
        _check_wav(data)
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            _check(file)
            return _read(file)
    except soundfile.SoundFileError:
        raise _damaged("it cannot be read to its end") from None


def _check(file: SoundFile) -> None:
    """Refuse by what the header says, before a sample is read: A012 to A015."""
    low, high = RATES
    if file.channels > MAX_CHANNELS or not low <= file.samplerate <= high:
        raise _refused(
            "A015",
            f"The sound has {file.channels} channels of {file.samplerate} samples a second; at "
            f"most {MAX_CHANNELS} channels of {low} to {high} are taken.",
            "Save it as mono or stereo with 44100 samples a second.",
        )
    if file.frames >= 2**62:
        raise _damaged("it does not say how long it is")
    if file.frames == 0:
        raise _refused(
            "A014", "The sound is empty: it has no samples.", "Choose or record another."
        )
    seconds = file.frames / file.samplerate
    if seconds > MAX_SECONDS:
        raise _refused(
            "A013",
            f"The sound lasts {seconds:.1f} s; at most {MAX_SECONDS:.0f} are taken.",
            "Cut it shorter.",
        )


def _read(file: SoundFile) -> Sound:
    """Mix down, square and average over milliseconds, block by block."""
    count = -(-file.frames * 1000 // file.samplerate)
    energy, samples = np.zeros(count), np.zeros(count)
    read = 0
    for block in _blocks(file):
        mixed = block.mean(axis=1)
        if not np.isfinite(mixed).all():
            raise _damaged("it has samples that are no numbers")
        bins = (read + np.arange(len(mixed))) * 1000 // file.samplerate
        energy += np.bincount(bins, mixed**2, count)
        samples += np.bincount(bins, minlength=count)
        read += len(mixed)
    if read != file.frames:
        said, held = (each / file.samplerate for each in (file.frames, read))
        raise _damaged(f"it says that it lasts {said:.2f} s and holds {held:.2f}")
    return Sound(energy / samples, read / file.samplerate)


def _blocks(file: SoundFile) -> Iterator[NDArray[np.float64]]:
    """The samples, [samples, channels], no more than were announced."""
    left = file.frames
    while left > 0:
        block: Any = file.read(min(BLOCK, left), "float64", always_2d=True)
        if not len(block):
            return
        left -= len(block)
        yield block


def _check_wav(data: bytes) -> None:
    """Refuse a WAV file whose samples are said to go on after its end, which readers overlook."""
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack("<4sI", data[at : at + 8])
        at += 8
        if name == b"data":
            if size > len(data) - at and size != STREAMED:
                raise _damaged(f"it says that it holds {size} bytes and has {len(data) - at}")
            return
        at += size + size % 2


def _damaged(why: str) -> ChoraleError:
    return _refused(
        "A012", f"The sound is damaged or cut short: {why}.", "Export or record it again."
    )


def _refused(code: str, message: str, hint: str) -> ChoraleError:
    return ChoraleError(Diagnostic(code, message, hint))
