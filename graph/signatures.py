"""Signatures: what a file looks like by its first bytes, whatever it is named."""

from __future__ import annotations

HEADS = {
    b"\x89PNG\r\n\x1a\n": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"BM": "a BMP picture",
    b"II*\x00": "a TIFF picture",
    b"MM\x00*": "a TIFF picture",
    b"fLaC": "a FLAC sound",
    b"OggS": "an OGG sound",
    b"ID3": "an MP3 sound",
    b"\xff\xfb": "an MP3 sound",
    b"FORM": "an AIFF sound",
    b"\x1aE\xdf\xa3": "a WebM film",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive",
    b"<svg": "an SVG drawing",
    b"{": "a JSON file",
}
RIFF = {b"WAVE": "a WAV sound", b"WEBP": "a WebP picture", b"AVI ": "an AVI film"}
LONGEST = 12
"""Bytes of a file that tell what it looks like."""


def looks_like(data: bytes) -> str:
    """What the file begins like, such as "a PNG picture"; empty for nothing that is known."""
    if data.startswith(b"RIFF"):
        return RIFF.get(data[8:LONGEST], "a RIFF file")
    return next((kind for head, kind in HEADS.items() if data.startswith(head)), "")


def is_sound(data: bytes) -> bool:
    """Whether the file begins like a sound of any format."""
    return looks_like(data).endswith(" sound")
