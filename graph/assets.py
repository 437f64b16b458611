"""Assets: uploaded pictures and sounds, kept by the sha256 of their content."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
import struct
import zlib
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from graph.errors import ChoraleError, Diagnostic
from graph.signatures import LONGEST, is_sound, looks_like
from graph.sounds import MAX_BYTES, open_sound
from graph.writing import write_atomically

FORMATS = ("PNG", "JPEG", "WEBP")
MAX_SIDE = 8_192
MAX_PIXELS = 2**24
SHA256 = re.compile(r"[0-9a-f]{64}")
TAKEN = ("a PNG picture", "a JPEG picture", "a WebP picture")


class AssetStore:
    """The store: one file per content, never changed, never half written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __contains__(self, sha256: object) -> bool:
        return (
            isinstance(sha256, str)
            and bool(SHA256.fullmatch(sha256))
            and self._path(sha256).is_file()
        )

    def put(self, data: bytes) -> str:
        """Keep a picture or sound; its name. ChoraleError as for `open_file`."""
        open_file(data)
        name = hashlib.sha256(data).hexdigest()
        if name not in self:
            write_atomically(self._path(name), data)
        return name

    def read(self, sha256: str) -> bytes:
        """The file's bytes. ChoraleError A001 if it is not there, A002 if it has been altered."""
        if sha256 not in self:
            raise ChoraleError(missing(sha256))
        data = self._path(sha256).read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ChoraleError(_altered(sha256, hashlib.sha256(data).hexdigest()))
        return data

    def head(self, sha256: str) -> bytes:
        """The first bytes of a stored file, which tell what it looks like; none if it is gone."""
        if sha256 not in self:
            return b""
        with self._path(sha256).open("rb") as file:
            return file.read(LONGEST)

    def get(self, sha256: str) -> Image.Image:
        """The picture of that name; ChoraleError as for `read` and `put`."""
        return open_picture(self.read(sha256))

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256


def open_file(data: bytes) -> None:
    """Whether this is a fitting sound or picture; ChoraleError A003 to A007 or A011 to A015."""
    if is_sound(data):
        open_sound(data)
    else:
        open_picture(data)


def open_picture(data: bytes) -> Image.Image:
    """Decode a PNG, JPEG or WEBP within the limits; ChoraleError A003 to A007."""
    if len(data) > MAX_BYTES:
        size, limit = _mega(len(data)), _mega(MAX_BYTES)
        raise _refused(
            "A007", f"The file has {size} MB; at most {limit} are taken.", "Save it smaller."
        )
    if data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) >= 24:
        _check_size(*struct.unpack(">II", data[16:24]))
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise _no_picture(data) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _refused("A005", f"The picture is too large: {error}.", "Shrink it first.") from None
    except (OSError, SyntaxError, ValueError, struct.error, zlib.error):
        raise _corrupt() from None
    _check_size(*picture.size)
    try:
        picture.load()
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error):
        raise _corrupt() from None
    return picture


def unpack(name: str, text: str) -> bytes:
    """The bytes of an embedded file, base64 with or without a data URL in front.

    ChoraleError A008 if it is no base64, A002 if the content does not have the hash it is named by.
    """
    head, comma, tail = text.partition(",")
    try:
        data = base64.b64decode(tail if comma and head.startswith("data:") else text, validate=True)
    except (binascii.Error, ValueError):
        raise _refused(
            "A008", f"The embedded file {name[:8]}… is no base64.", "Save the workflow again."
        ) from None
    found = hashlib.sha256(data).hexdigest()
    if found != name:
        raise ChoraleError(_altered(name, found))
    return data


def head_of(text: str) -> bytes:
    """The first bytes of an embedded file, which tell what it looks like; nothing for no base64."""
    head, comma, tail = text[:128].partition(",")
    start = tail if comma and head.startswith("data:") else text
    try:
        return base64.b64decode(start[:16], validate=True)[:LONGEST]
    except (binascii.Error, ValueError):
        return b""


def missing(sha256: str) -> Diagnostic:
    """A001: a file that is named and not there."""
    return Diagnostic(
        "A001",
        f"The file {sha256[:8]}… is neither in the workflow nor in the store.",
        "Choose or make it again.",
    )


def _check_size(width: int, height: int) -> None:
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise _refused(
            "A005",
            f"The picture has {width}×{height} pixels; at most {MAX_SIDE} on a side and "
            f"{MAX_PIXELS / 1e6:.1f} million in all are taken.",
            "Shrink it first.",
        )


def _no_picture(data: bytes) -> ChoraleError:
    kind = looks_like(data)
    if kind in TAKEN:
        return _corrupt()
    if kind.endswith("picture"):
        return _refused("A006", f"The file is {kind}; expected PNG, JPEG or WEBP.", "Convert it.")
    what = f"it looks like {kind}" if kind else "it begins like no known picture"
    return _refused("A003", f"The file is no picture: {what}.", "Choose a PNG, JPEG or WEBP file.")


def _corrupt() -> ChoraleError:
    return _refused("A004", "The picture is damaged or cut short.", "Export or download it again.")


def _altered(name: str, found: str) -> Diagnostic:
    return Diagnostic(
        "A002",
        f"A file named {name[:8]}… has other content, with the hash {found[:8]}….",
        "Choose or make it again.",
    )


def _refused(code: str, message: str, hint: str) -> ChoraleError:
    return ChoraleError(Diagnostic(code, message, hint))


def _mega(size: int) -> str:
    return f"{size / 2**20:.1f}"
