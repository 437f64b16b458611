"""The index of the run history: one SQLite table that can be built anew from the files."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterable
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from graph.errors import ChoraleError, Diagnostic

VERSION = 1
BUSY = 5.0
"""Seconds that one process waits for another that writes."""
_TABLE = """
CREATE TABLE IF NOT EXISTS runs (
    owner TEXT NOT NULL, name TEXT NOT NULL, made REAL NOT NULL, run TEXT NOT NULL,
    title TEXT NOT NULL, seed INTEGER, seconds REAL NOT NULL, pictures INTEGER NOT NULL,
    bytes INTEGER NOT NULL, PRIMARY KEY (owner, name)
)
"""
_ORDER = "ORDER BY made DESC, name DESC"


@dataclass(frozen=True, slots=True)
class Entry:
    """One run in the index: whose, its name, when it was made, and what a list shows of it."""

    owner: str
    name: str
    made: float
    run: str
    title: str
    seed: int | None
    seconds: float
    pictures: int
    bytes: int


class DamagedIndexError(Exception):
    """The file is no index of this version."""


class Index:
    """The table, opened anew for every use, so that threads and processes may share it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, entries: Iterable[Entry]) -> None:
        """Enter runs; one that is there already is replaced."""
        with self._open() as table:
            marks = ", ".join("?" for _ in fields(Entry))
            rows = [astuple(each) for each in entries]
            table.executemany(f"INSERT OR REPLACE INTO runs VALUES ({marks})", rows)  # noqa: S608

    def remove(self, owner: str, name: str) -> None:
        """Forget a run."""
        with self._open() as table:
            table.execute("DELETE FROM runs WHERE owner = ? AND name = ?", (owner, name))

    def of(self, owner: str) -> list[Entry]:
        """A visitor's runs, newest first."""
        with self._open() as table:
            rows = table.execute(f"SELECT * FROM runs WHERE owner = ? {_ORDER}", (owner,))  # noqa: S608
            return [Entry(*row) for row in rows]

    def all(self) -> list[Entry]:
        """Every run of every visitor, newest first."""
        with self._open() as table:
            return [Entry(*row) for row in table.execute(f"SELECT * FROM runs {_ORDER}")]  # noqa: S608

    def total(self) -> int:
        """The bytes of all runs together."""
        with self._open() as table:
            return int(table.execute("SELECT COALESCE(SUM(bytes), 0) FROM runs").fetchone()[0])

    def set_aside(self) -> None:
        """Put a damaged file out of the way; the next use begins with an empty table."""
        for tail in ("-wal", "-shm", "-journal"):
            self._path.with_name(self._path.name + tail).unlink(missing_ok=True)
        if self._path.exists():
            self._path.replace(self._path.with_suffix(".damaged"))

    @contextmanager
    def _open(self) -> Generator[sqlite3.Connection]:
        """The table in a transaction. DamagedIndexError, or ChoraleError H005."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=BUSY)) as table, table:
                _prepare(table)
                yield table
        except (sqlite3.OperationalError, OSError) as error:
            if str(error).startswith(("no such", "table runs has")):
                raise DamagedIndexError(str(error)) from None
            raise unreachable(str(error)) from None
        except sqlite3.DatabaseError as error:
            raise DamagedIndexError(str(error)) from None


def unreachable(why: str) -> ChoraleError:
    """H005: the folder of the history cannot be used as it stands."""
    return ChoraleError(
        Diagnostic(
            "H005",
            f"The history cannot be reached: {why}.",
            "See that the data folder can be written and has room; pictures can still be saved.",
            severity="warning",
        )
    )


def _prepare(table: sqlite3.Connection) -> None:
    (version,) = table.execute("PRAGMA user_version").fetchone()
    if version not in (0, VERSION):
        raise DamagedIndexError(f"the index has version {version}")
    table.execute(_TABLE)
    table.execute(f"PRAGMA user_version = {VERSION}")
