"""Sounds: what is taken, what is refused and why, and how loud they are."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from graph.errors import ChoraleError
from graph.sounds import MAX_BYTES, Sound, open_sound
from tests.graph.recordings import RATE, buzz, click, ramp, recorded, silence

TONE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
ROOT_HALF = 0.5 / np.sqrt(2.0)


@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG"])
def test_a_steady_tone_is_equally_loud_throughout(form: str) -> None:
    sound = open_sound(recorded(TONE, form))
    assert sound.seconds == 1.0
    loud = sound.loudness(np.linspace(0.1, 0.9, 9), 0.1)
    assert loud == pytest.approx(ROOT_HALF, rel=0.02 if form == "OGG" else 1e-3)


def test_channels_are_mixed_down() -> None:
    left = np.stack([TONE, np.zeros(RATE)], axis=1)
    opposite = np.stack([TONE, -TONE], axis=1)
    assert open_sound(recorded(left)).loudness(np.array([0.5]), 0.5) == pytest.approx(
        0.5 * ROOT_HALF, rel=1e-3
    )
    assert open_sound(recorded(opposite)).peak == pytest.approx(0.0, abs=1e-6)


def test_a_ramp_is_as_loud_as_the_integral_says() -> None:
    """The mean of t² from a to b is (b³ - a³) / 3(b - a)."""
    sound = open_sound(ramp(2.0))
    for moment, window in ((1.0, 0.1), (1.0, 1.0), (0.5, 0.2), (0.0, 0.5), (2.0, 0.5)):
        start, end = max(moment - window / 2, 0.0) / 2, min(moment + window / 2, 2.0) / 2
        expected = np.sqrt((end**3 - start**3) / (3 * (end - start)))
        assert sound.loudness(np.array([moment]), window) == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 192_000])
def test_the_same_sound_is_equally_loud_at_every_rate(rate: int) -> None:
    sound = open_sound(ramp(0.5, rate))
    moments = np.linspace(0.05, 0.45, 17)
    assert sound.seconds == pytest.approx(0.5, abs=1e-4)
    assert sound.loudness(moments, 0.04) == pytest.approx(2 * moments, abs=5e-3)


def test_a_click_is_heard_within_the_window_alone() -> None:
    sound = open_sound(click(1.0))
    loud = sound.loudness(np.array([0.9, 0.96, 1.0, 1.04, 1.1]), 0.1)
    expected = np.sqrt(1e-3 / 0.1)
    assert loud == pytest.approx([0.0, expected, expected, expected, 0.0], rel=1e-9)


@given(
    heights=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=40),
    window=st.floats(0.005, 3.0),
)
@settings(max_examples=60, deadline=None)
def test_loudness_lies_between_the_softest_and_the_loudest(
    heights: list[float], window: float
) -> None:
    sound = Sound(np.repeat(np.square(heights), 10), 0.01 * len(heights))
    loud = sound.loudness(np.linspace(0.0, sound.seconds, 20), window)
    assert (loud >= min(heights) - 1e-6).all() and (loud <= max(heights) + 1e-6).all()
    whole = sound.loudness(np.array([sound.seconds / 2]), 10.0)
    assert whole == pytest.approx(np.sqrt(np.mean(np.square(heights))), abs=1e-9)


def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    return file.getvalue()


def lying(size: int) -> bytes:
    """A WAV file whose header says that there are so many bytes of samples."""
    data = bytearray(recorded(TONE))
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", size)
    return bytes(data)


def lying_flac(samples: int) -> bytes:
    """A FLAC file that says it has so many samples."""
    data = bytearray(recorded(TONE, "FLAC"))
    data[22:26] = struct.pack(">I", samples)
    return bytes(data)


def with_one(value: float) -> bytes:
    samples = TONE.copy()
    samples[800] = value
    return recorded(samples)


CUT = "A012 The sound is damaged or cut short: "
BAD = {
    "a picture renamed": (png(), "A011 The file is no sound that is taken: it looks like a PNG"),
    "an MP3": (b"ID3\x04" + bytes(40), "A011 The file is no sound that is taken: it looks like an"),
    "words": (b"hello", "A011 The file is no sound that is taken: it begins like none."),
    "nothing": (b"", "A011"),
    "a film": (
        b"RIFF\0\0\0\0AVI LIST",
        "A011 The file is no sound that is taken: it looks like an",
    ),
    "no samples": (recorded(np.zeros(0)), "A014 The sound is empty: it has no samples."),
    "a head alone": (recorded(TONE)[:30], CUT),
    "a second cut short": (recorded(TONE)[:9_000], CUT + "it says that it holds 64000 bytes and"),
    "a WAV that lies": (lying(10**9), CUT + "it says that it holds 1000000000 bytes and has 64"),
    "half a FLAC": (recorded(TONE, "FLAC")[:9_000], CUT),
    "half an OGG": (recorded(TONE, "OGG")[:3_000], CUT),
    "a FLAC that lies": (lying_flac(20 * RATE), CUT),
    "a FLAC of unknown length": (lying_flac(0), CUT + "it does not say how long it is"),
    "a FLAC of an hour": (lying_flac(3_600 * RATE), "A013 The sound lasts 3600.0 s; at most 60"),
    "61 seconds": (recorded(np.zeros(61 * 8_000), "FLAC", 8_000), "A013 The sound lasts 61.0 s"),
    "not a number": (with_one(np.nan), CUT + "it has samples that are no numbers"),
    "an infinity": (with_one(np.inf), CUT + "it has samples that are no numbers"),
    "nine channels": (recorded(np.zeros((50, 9))), "A015 The sound has 9 channels of 16000"),
    "a telephone of old": (recorded(np.zeros(50), "WAV", 4_000), "A015 The sound has 1 channels"),
    "too many bytes": (bytes(MAX_BYTES + 1), "A007 The file has 12.0 MB; at most 12.0"),
}


@pytest.mark.parametrize("case", BAD)
def test_each_kind_of_bad_file_has_its_own_sentence(case: str) -> None:
    data, expected = BAD[case]
    with pytest.raises(ChoraleError) as caught:
        open_sound(data)
    assert str(caught.value).startswith(expected)


def test_a_wav_that_was_written_as_it_played_is_read_to_its_end() -> None:
    assert open_sound(lying(0xFFFFFFFF)).seconds == 1.0


def test_sixty_seconds_are_taken() -> None:
    assert open_sound(recorded(np.zeros(60 * 8_000), "FLAC", 8_000)).seconds == 60.0


@given(
    form=st.sampled_from(["WAV", "FLAC", "OGG"]),
    changes=st.lists(st.tuples(st.integers(4, 400), st.integers(0, 255)), min_size=1, max_size=6),
    cut=st.integers(0, 4_000),
)
@settings(max_examples=300, deadline=None)
def test_no_damage_is_more_than_a_refusal(
    form: str, changes: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(SHORT[form][: max(40, len(SHORT[form]) - cut)])
    for at, value in changes:
        data[at % len(data)] = value
    sound = opened(bytes(data))
    if sound is not None:
        assert 0.0 < sound.seconds <= 60.0
        assert np.isfinite(sound.power).all()


def opened(data: bytes) -> Sound | None:
    """The sound, or None where it is refused in a sentence."""
    try:
        return open_sound(data)
    except ChoraleError:
        return None


SHORT = {form: recorded(TONE[:2_000], form) for form in ("WAV", "FLAC", "OGG")}


def test_silence_is_silent_and_a_buzz_is_not() -> None:
    assert open_sound(silence()).peak == 0.0
    assert open_sound(recorded(buzz(np.full(RATE, 0.25)))).peak == pytest.approx(0.25)
