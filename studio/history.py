"""The run history: every finished run, listed for nobody but the visitor who played it.

The owner of a run is the hash of a key that only the visitor's browser knows. The files are what
counts: the index is built from them.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from graph.errors import ChoraleError, Diagnostic
from studio.index import DamagedIndexError, Entry, Index
from studio.kept import Kept, RunFiles, lost

KEY = re.compile(r"[0-9a-f]{32}")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """What is kept: runs and bytes for each visitor, and bytes of all visitors together."""

    runs: int = 200
    bytes: int = 256 * 2**20
    total: int = 4 * 2**30


class History:
    """The runs below one folder. What had to be mended is said by the next `list`."""

    def __init__(self, folder: Path, limits: Limits | None = None) -> None:
        self._files = RunFiles(folder)
        self._limits = limits or Limits()
        self._index = Index(folder / "index.sqlite")
        self._lock = threading.RLock()
        self._reconciled = False
        self._said: list[Diagnostic] = []

    def keep(
        self, key: object, told: Mapping[str, Any], pictures: Sequence[bytes], thumb: bytes
    ) -> str:
        """Keep a finished run and return its name; the oldest go when there are too many.

        `told` has workflow, seconds, seed and whatever reopening needs. ChoraleError H001 or H005.
        """
        owner, name = owner_of(key), secrets.token_hex(16)
        with self._lock:
            entry = self._files.write(owner, name, told, pictures, thumb)
            self._indexed(lambda: self._index.add([entry]))
            self._forget_oldest(owner)
        return name

    def list(self, key: object) -> tuple[list[Entry], list[Diagnostic]]:
        """A visitor's runs, newest first, and what was mended. ChoraleError H001 or H005."""
        owner = owner_of(key)
        with self._lock:
            found = self._indexed(lambda: self._index.of(owner))
            said, self._said = self._said, []
            whole: list[Entry] = []
            for entry in found:
                if self._files.whole(entry):
                    whole.append(entry)
                else:
                    self._remove(entry)
                    said.append(lost(entry.title))
            return whole, said

    def thumb(self, entry: Entry) -> bytes:
        """The small JPEG of a listed run; nothing where its file is gone."""
        return self._files.thumb(entry)

    def open(self, key: object, name: object) -> Kept:
        """A run with its pictures. ChoraleError H001, H002, H003 or H005."""
        entry = self._find(key, name)
        try:
            return self._files.read(entry)
        except ChoraleError:
            self._remove(entry)
            raise

    def delete(self, key: object, name: object) -> None:
        """Remove a run with its files; ChoraleError H001, H002 or H005."""
        self._remove(self._find(key, name))

    def _find(self, key: object, name: object) -> Entry:
        owner = owner_of(key)
        with self._lock:
            found = self._indexed(lambda: self._index.of(owner))
        entry = next((each for each in found if each.name == name), None)
        if entry is None:
            raise ChoraleError(
                Diagnostic(
                    "H002",
                    "This browser's history has no such run.",
                    "It may have been deleted, or gone with the oldest; open the history again.",
                )
            )
        return entry

    def _indexed(self, use: Callable[[], T]) -> T:
        """Use the index; a damaged one is set aside and built anew from the files."""
        try:
            self._reconcile()
            return use()
        except DamagedIndexError:
            self._index.set_aside()
            self._reconciled = False
            self._reconcile()
            self._said.append(
                Diagnostic(
                    "H004",
                    "The index of the history was damaged; it was built anew from the files.",
                    "Nothing to do: the runs whose files are whole are listed.",
                    severity="warning",
                )
            )
            return use()

    def _reconcile(self) -> None:
        """Once in a process: enter what is on disk and not in the index."""
        if not self._reconciled:
            known = {(each.owner, each.name) for each in self._index.all()}
            self._index.add(self._files.entries(known))
            self._reconciled = True

    def _forget_oldest(self, owner: str) -> None:
        mine = self._indexed(lambda: self._index.of(owner))
        for entry in _beyond(mine, self._limits.runs, self._limits.bytes):
            self._remove(entry)
        if self._indexed(self._index.total) <= self._limits.total:
            return
        everyone = self._indexed(self._index.all)
        for entry in _beyond(everyone, len(everyone), self._limits.total):
            self._remove(entry)

    def _remove(self, entry: Entry) -> None:
        """Files first: an entry without files is mended, files without an entry would come back."""
        with self._lock:
            self._files.remove(entry)
            self._indexed(lambda: self._index.remove(entry.owner, entry.name))


def owner_of(key: object) -> str:
    """The name under which a visitor's runs are kept, which does not tell the key; H001."""
    if isinstance(key, str) and KEY.fullmatch(key):
        return hashlib.sha256(key.encode()).hexdigest()
    raise ChoraleError(
        Diagnostic(
            "H001",
            "A browser's key is 32 hexadecimal digits; without one no history is kept.",
            "Reload the page.",
        )
    )


def _beyond(newest_first: Sequence[Entry], runs: int, size: int) -> list[Entry]:
    """The oldest that exceed a limit; the newest one always stays."""
    total, kept = 0, 0
    for entry in newest_first:
        total += entry.bytes
        if kept and (kept >= runs or total > size):
            break
        kept += 1
    return list(newest_first[kept:])
