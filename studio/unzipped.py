"""Uploads of pictures and maps: a zip file that comes in parts and is unpacked with suspicion."""

from __future__ import annotations

import base64
import binascii
import re
import shutil
import stat
import time
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from graph.companions import MAPS
from graph.errors import ChoraleError, Diagnostic
from graph.sounds import MAX_BYTES

NAME = re.compile(r"[0-9a-f]{32}")
ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
PLACES = ("pictures", *MAPS)
MAX_ZIP = 256 * 2**20
MAX_UNPACKED = 2**30
MAX_FILES = 30_000
STALE = 3_600
"""Seconds after which an upload that no training uses may go."""


class Uploads:
    """Folders of uploaded material by the unguessable names that pages gave them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, name: object, start: object, data: object) -> None:
        """Add a part of base64 at byte `start`; ChoraleError T012 or T013."""
        path = self._zip(name)
        size = path.stat().st_size if path.exists() else 0
        try:
            part = base64.b64decode(str(data), validate=True)
        except (binascii.Error, ValueError):
            raise _refused("T012", "A part of the upload is no base64.") from None
        if start == 0:
            path.unlink(missing_ok=True)
        elif start != size:
            raise _refused("T012", f"A part of the upload is missing: {size} bytes are here.")
        if isinstance(start, int) and start + len(part) > MAX_ZIP:
            path.unlink(missing_ok=True)
            raise _refused("T013", f"The zip file is larger than {MAX_ZIP // 2**20} MB.")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(part)

    def unpack(self, name: object) -> list[str]:
        """Unpack what was uploaded and list what was left out; ChoraleError T012 or T013."""
        path, target = self._zip(name), self.folder(name)
        shutil.rmtree(target, ignore_errors=True)
        try:
            with zipfile.ZipFile(path) as packed:
                return _unpacked(packed, target)
        except FileNotFoundError:
            raise _refused("T012", "Nothing was uploaded.") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
            shutil.rmtree(target, ignore_errors=True)
            raise _refused("T012", f"The file is no whole zip file: {error}.") from None
        except ChoraleError:
            shutil.rmtree(target, ignore_errors=True)
            raise
        finally:
            path.unlink(missing_ok=True)

    def folder(self, name: object) -> Path:
        """Where an upload is unpacked; ChoraleError T012 for what is no name of one."""
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise _refused("T012", "An upload needs a name of 32 hexadecimal digits.")
        return self._folder / name

    def forget(self, used: Collection[Path]) -> None:
        """Remove uploads that no training uses and that nobody has touched for a while."""
        for path in self._folder.glob("*") if self._folder.is_dir() else ():
            if path.resolve() not in used and time.time() - path.stat().st_mtime > STALE:
                shutil.rmtree(path, ignore_errors=True)
                path.unlink(missing_ok=True)

    def _zip(self, name: object) -> Path:
        folder = self.folder(name)
        return folder.with_name(f"{folder.name}.zip")


def _unpacked(packed: zipfile.ZipFile, target: Path) -> list[str]:
    """Write what belongs to the material below `target`, under its own plain name alone."""
    entries = [entry for entry in packed.infolist() if not entry.is_dir()]
    if len(entries) > MAX_FILES:
        raise _refused("T013", f"The zip file holds {len(entries)} files, more than {MAX_FILES}.")
    left_out, room = list[str](), MAX_UNPACKED
    target.mkdir(parents=True)
    for entry in entries:
        place, why = _place(entry)
        if place is None:
            left_out.append(f"{_plain(entry.filename)}: {why}")
            continue
        with packed.open(entry) as file:
            content = file.read(MAX_BYTES + 1)  # what the entry says of its size may be a lie
        if len(content) > MAX_BYTES:
            left_out.append(f"{place}: larger than {MAX_BYTES // 2**20} MB")
            continue
        room -= len(content)
        if room < 0:
            raise _refused("T013", f"The zip file unpacks to over {MAX_UNPACKED // 2**20} MB.")
        path = target / place
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return left_out


def _place(entry: zipfile.ZipInfo) -> tuple[PurePosixPath | None, str]:
    """Where an entry goes: pictures/NAME, KIND/NAME or palette.json, whatever folder it was in."""
    parts = PurePosixPath(entry.filename).parts
    if stat.S_ISLNK(entry.external_attr >> 16):
        return None, "it is a link"
    if entry.flag_bits & 1:
        return None, "it is encrypted"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return None, "it is packed in a way that is not read"
    if entry.filename.startswith("/") or ".." in parts or "\\" in entry.filename:
        return None, "its path leads out of the zip file"
    if not parts or parts[-1].startswith(".") or "__MACOSX" in parts:
        return None, "it is hidden"
    if parts[-1] == "palette.json":
        return PurePosixPath("palette.json"), ""
    if len(parts) < 2 or parts[-2] not in PLACES:
        return None, f"it is in no folder {', '.join(PLACES)}"
    if PurePosixPath(parts[-1]).suffix.lower() not in ENDINGS:
        return None, f"expected {', '.join(ENDINGS)}"
    if len(parts[-1].encode()) > 200 or not parts[-1].isprintable():
        return None, "its name cannot be that of a file"
    return PurePosixPath(parts[-2], parts[-1]), ""


def _plain(name: str) -> str:
    shown = "".join(char if char.isprintable() else "?" for char in name)
    return shown if len(shown) <= 80 else f"…{shown[-79:]}"


def _refused(code: str, message: str) -> ChoraleError:
    return ChoraleError(
        Diagnostic(
            code, message, "Zip pictures and a folder for each map, with files of equal names."
        )
    )
