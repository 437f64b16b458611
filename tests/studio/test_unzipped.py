"""Uploads: a zip file comes in parts, and nothing in it gets out of its place."""

from __future__ import annotations

import base64
import io
import os
import stat
import zipfile
from pathlib import Path

import pytest

from graph.errors import ChoraleError
from studio import unzipped
from studio.unzipped import Uploads

NAME = "0" * 32


def zipped(*files: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files:
            packed.writestr(name, content)
    return stream.getvalue()


def sent(uploads: Uploads, content: bytes, part: int = 1000) -> list[str]:
    for start in range(0, max(1, len(content)), part):
        piece = content[start : start + part]
        uploads.take(NAME, start, base64.b64encode(piece).decode())
    return uploads.unpack(NAME)


def found(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_pictures_and_maps_are_unpacked_whatever_folder_they_are_in(tmp_path: Path) -> None:
    noise = os.urandom(5000)
    content = zipped(
        ("mine/pictures/a.PNG", noise),
        ("mine/mask/a.png", b"2"),
        ("sketch/a.webp", b"3"),
        ("mine/palette.json", b"[]"),
    )
    assert sent(Uploads(tmp_path), content) == []
    assert found(tmp_path) == {
        f"{NAME}/pictures/a.PNG": noise,
        f"{NAME}/mask/a.png": b"2",
        f"{NAME}/sketch/a.webp": b"3",
        f"{NAME}/palette.json": b"[]",
    }


def test_what_is_hostile_or_strange_is_left_out_by_name(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("pictures/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    folder = tmp_path / "deep" / "uploads"
    content = zipped(
        ("pictures/good.png", b"1"),
        ("../../pictures/up.png", b"x"),
        ("/pictures/root.png", b"x"),
        ("pictures/../../../out.png", b"x"),
        ("pictures\\windows.png", b"x"),
        (link, b"/etc/passwd"),
        ("pictures/run.py", b"x"),
        ("other/a.png", b"x"),
        ("a.png", b"x"),
        ("pictures/.hidden.png", b"x"),
        ("pictures/" + "n" * 300 + ".png", b"x"),
        ("pictures/bell\x07.png", b"x"),
    )
    left_out = sent(Uploads(folder), content)
    assert found(tmp_path) == {f"deep/uploads/{NAME}/pictures/good.png": b"1"}
    assert len(left_out) == 11
    said = "\n".join(left_out)
    assert "pictures/link.png: it is a link" in said
    assert "../../pictures/up.png: its path leads out of the zip file" in said
    assert "other/a.png: it is in no folder pictures, mask, sketch, depth" in said
    assert "pictures/bell?.png: its name cannot be that of a file" in said


@pytest.mark.parametrize(
    "content",
    [b"", b"no zip", zipped(("pictures/a.png", b"1"))[:-30]],
    ids=["empty", "no zip", "cut short"],
)
def test_what_is_no_whole_zip_file_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(ChoraleError, match="T012 The file is no whole zip file"):
        sent(Uploads(tmp_path), content)
    assert found(tmp_path) == {}


def test_a_damaged_entry_is_refused(tmp_path: Path) -> None:
    content = bytearray(zipped(("pictures/a.png", os.urandom(500))))
    content[200] ^= 255
    with pytest.raises(ChoraleError, match="T012"):
        sent(Uploads(tmp_path), bytes(content))
    assert found(tmp_path) == {}


def test_a_bomb_is_refused_by_what_it_unpacks_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unzipped, "MAX_UNPACKED", 10_000_000)
    bomb = zipped(*((f"pictures/{number}.png", bytes(4_000_000)) for number in range(3)))
    assert len(bomb) < 20_000
    with pytest.raises(ChoraleError, match="T013 The zip file unpacks to over 9 MB"):
        sent(Uploads(tmp_path), bomb)
    assert found(tmp_path) == {}
    large = zipped(("pictures/a.png", bytes(unzipped.MAX_BYTES + 1)))
    assert sent(Uploads(tmp_path), large) == ["pictures/a.png: larger than 12 MB"]


def test_too_many_files_and_too_large_a_zip_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unzipped, "MAX_FILES", 2)
    many = zipped(*((f"pictures/{number}.png", b"1") for number in range(3)))
    with pytest.raises(ChoraleError, match="T013 The zip file holds 3 files, more than 2"):
        sent(Uploads(tmp_path), many)
    monkeypatch.setattr(unzipped, "MAX_ZIP", 100)
    with pytest.raises(ChoraleError, match="T013 The zip file is larger"):
        sent(Uploads(tmp_path), many)
    assert found(tmp_path) == {}


def test_parts_come_in_order_under_a_proper_name(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    uploads.take(NAME, 0, base64.b64encode(b"abc").decode())
    for start in (2, 4, -1, "3", None):
        with pytest.raises(ChoraleError, match="T012 A part of the upload is missing"):
            uploads.take(NAME, start, "YQ==")
    with pytest.raises(ChoraleError, match="no base64"):
        uploads.take(NAME, 3, "%")
    for name in ("../x", "", None, 7, "A" * 32):
        with pytest.raises(ChoraleError, match="T012 An upload needs a name"):
            uploads.take(name, 0, "YQ==")
        with pytest.raises(ChoraleError, match="T012"):
            uploads.unpack(name)
    with pytest.raises(ChoraleError, match="T012 Nothing was uploaded"):
        uploads.unpack("1" * 32)


def test_uploads_that_nothing_uses_go_after_a_while(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads")
    uploads.forget(set())
    for digit in "012":
        folder = uploads.folder(digit * 32)
        folder.mkdir(parents=True)
        if digit != "2":
            os.utime(folder, (0, 0))
    uploads.forget({uploads.folder("1" * 32)})
    assert sorted(path.name[0] for path in (tmp_path / "uploads").iterdir()) == ["1", "2"]
