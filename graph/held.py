"""Files that a process holds for as long as it lives, however it ends."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def held(path: Path) -> Generator[None]:
    """Hold the file, with the number of this process in it; BlockingIOError if another does."""
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.truncate(0)
        file.write(str(os.getpid()).encode())
        file.flush()
        yield


def holder(path: Path) -> int | None:
    """The number of the process that holds the file; None where nobody does."""
    import fcntl

    try:
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                told = file.read(20)
                return int(told) if told.isdigit() else None
            return None
    except FileNotFoundError:
        return None
