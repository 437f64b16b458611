"""The text chunks of a PNG, read within limits and without decoding its pixels."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS = 100_000


class BadPngError(ValueError):
    """The file is no whole PNG, or a text in it is too long."""


def text_chunks(data: bytes, keywords: frozenset[str], limit: int) -> Mapping[str, str]:
    """The international texts (iTXt) under these keywords; the first of each counts.

    No text longer than `limit` bytes is unpacked. BadPngError for a damaged file or a longer text.
    """
    found: dict[str, str] = {}
    for kind, body in _chunks(data):
        if kind == b"iTXt":
            keyword, _, rest = body.partition(b"\0")
            name = keyword.decode("latin-1")
            if name in keywords and name not in found:
                found[name] = _text(rest, limit)
    return found


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not data.startswith(SIGNATURE):
        raise BadPngError("it does not begin like a PNG")
    at = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        if at + 12 > len(data):
            raise BadPngError("it is cut short")
        length, kind = struct.unpack_from(">I4s", data, at)
        body, check = data[at + 8 : at + 8 + length], data[at + 8 + length : at + 12 + length]
        if len(body) < length or len(check) < 4:
            raise BadPngError("it is cut short")
        if kind == b"IEND":
            return
        if kind == b"iTXt" and zlib.crc32(kind + body) != int.from_bytes(check, "big"):
            raise BadPngError("a text in it is damaged")
        yield kind, body
        at += 12 + length
    raise BadPngError("it has too many parts")


def _text(rest: bytes, limit: int) -> str:
    """The text after the keyword: flags, language, translated keyword, then the text itself."""
    flags, tail = rest[:2], rest[2:]
    parts = tail.split(b"\0", 2)
    if len(flags) < 2 or len(parts) < 3 or flags[1]:
        raise BadPngError("a text in it is damaged")
    try:
        raw = _unpacked(parts[2], limit) if flags[0] else parts[2]
        text = raw.decode("utf-8")
    except (zlib.error, UnicodeDecodeError):
        raise BadPngError("a text in it is damaged") from None
    if len(raw) > limit:
        raise BadPngError(f"a text in it is longer than {limit} bytes")
    return text


def _unpacked(packed: bytes, limit: int) -> bytes:
    """At most limit + 1 bytes, so that a bomb never unfolds."""
    return zlib.decompressobj().decompress(packed, limit + 1)
