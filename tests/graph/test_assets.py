"""The asset store: what is taken, what is refused and why, and that nothing is half written."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from graph.assets import MAX_BYTES, AssetStore, head_of, unpack
from graph.errors import ChoraleError
from graph.signatures import is_sound
from graph.writing import write_atomically
from tests.graph.recordings import ramp


@pytest.fixture
def store(tmp_path: Path) -> AssetStore:
    return AssetStore(tmp_path / "assets")


def encoded(form: str = "PNG", size: tuple[int, int] = (8, 6), mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert(mode).save(file, form)
    return file.getvalue()


def refusal(store: AssetStore, data: bytes) -> str:
    with pytest.raises(ChoraleError) as caught:
        store.put(data)
    return str(caught.value)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_picture_comes_back_as_it_was(form: str, store: AssetStore) -> None:
    data = encoded(form)
    name = store.put(data)
    assert name == hashlib.sha256(data).hexdigest()
    assert name in store
    assert store.read(name) == data
    assert store.get(name).tobytes() == Image.open(io.BytesIO(data)).tobytes()
    assert store.put(data) == name


def test_a_sound_comes_back_as_it_was(store: AssetStore) -> None:
    data = ramp(0.1)
    name = store.put(data)
    assert store.read(name) == data
    assert is_sound(store.head(name))
    assert not is_sound(store.head(store.put(encoded())))
    assert store.head("0" * 64) == b""


def header_only(width: int, height: int) -> bytes:
    """A PNG that says it is large; it is refused before a pixel is unpacked."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", len(head))
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
    )


@pytest.mark.parametrize("size", [(20_000, 10), (20_000, 20_000), (5_000, 5_000)])
def test_a_picture_too_large_is_refused_with_numbers(
    size: tuple[int, int], store: AssetStore
) -> None:
    assert f"A005 The picture has {size[0]}×{size[1]} pixels" in refusal(store, header_only(*size))


def test_a_large_jpeg_is_refused_before_it_is_decoded(store: AssetStore) -> None:
    data = bytearray(encoded("JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", 60_000, 60_000)
    assert refusal(store, bytes(data)).startswith("A005")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"RIFF\x24\0\0\0WAVEfmt ", "A012 The sound is damaged or cut short"),
        (b"ID3\x04" + bytes(40), "A011 The file is no sound that is taken: it looks like an MP3"),
        (b"%PDF-1.7", "A003 The file is no picture: it looks like a PDF document"),
        (b"", "A003 The file is no picture: it begins like no known picture"),
        (os.urandom(0) + b"hello", "A003"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "A003"),
        (encoded("GIF"), "A006 The file is a GIF picture; expected PNG, JPEG or WEBP"),
        (encoded("BMP"), "A006"),
        (encoded("TIFF"), "A006"),
        (encoded()[:60], "A004 The picture is damaged or cut short"),
        (encoded("JPEG")[:300], "A004"),
        (encoded()[:45] + bytes(20) + encoded()[65:], "A004"),
        (bytes(MAX_BYTES + 1), "A007 The file has 12.0 MB; at most 12.0"),
    ],
)
def test_each_kind_of_bad_file_has_its_own_message(
    data: bytes, expected: str, store: AssetStore
) -> None:
    assert refusal(store, data).startswith(expected)


def test_a_missing_file_is_named(store: AssetStore) -> None:
    with pytest.raises(ChoraleError, match="A001 The file 00000000… is neither"):
        store.read("0" * 64)


@pytest.mark.parametrize("name", ["", "..", "../../etc/passwd", "0" * 63, "G" * 64, 5, None])
def test_names_are_hashes(name: object, store: AssetStore) -> None:
    assert name not in store


def test_an_altered_file_is_not_handed_out(store: AssetStore, tmp_path: Path) -> None:
    name = store.put(encoded())
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    file.write_bytes(encoded(size=(9, 9)))
    with pytest.raises(ChoraleError, match="A002 A file named"):
        store.get(name)


def test_embedded_files_are_held_to_their_names() -> None:
    data = encoded()
    name, text = hashlib.sha256(data).hexdigest(), base64.b64encode(data).decode()
    assert unpack(name, text) == data
    assert unpack(name, f"data:image/png;base64,{text}") == data
    with pytest.raises(ChoraleError, match="A002"):
        unpack("0" * 64, text)
    with pytest.raises(ChoraleError, match="A008"):
        unpack(name, text[:-3] + "é")


@pytest.mark.parametrize("before", ["", "data:audio/wav;base64,"])
def test_what_an_embedded_file_looks_like_is_told_by_its_head(before: str) -> None:
    text = before + base64.b64encode(ramp(0.1)).decode()
    assert is_sound(head_of(text))
    assert not is_sound(head_of(base64.b64encode(encoded()).decode()))
    assert head_of("é" * 40) == head_of("") == b""


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new" * 1000)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
