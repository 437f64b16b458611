"""Runs that are playing, by unguessable names that the page made."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from graph.controls import Controls
from graph.errors import ChoraleError, Diagnostic

RUN_ID = re.compile(r"[0-9a-f]{32}")
MAX_RUNS = 64
MAX_FORSAKEN = 256


@dataclass(slots=True)
class Playing:
    """One run: who asked for it, what stops it, and its live values once it is compiled."""

    visitor: str
    stop: threading.Event = field(default_factory=threading.Event)
    controls: Controls | None = None


class Runs:
    """Every run that waits or plays; a run is stopped when it is left, whatever ends it."""

    def __init__(self) -> None:
        self._playing: dict[str, Playing] = {}
        self._forsaken: deque[str] = deque(maxlen=MAX_FORSAKEN)
        self._lock = threading.Lock()

    @contextmanager
    def playing(self, run: object, visitor: str) -> Generator[Playing]:
        """Hold the run's place while it plays. ChoraleError P001 or P002."""
        name = _checked(run)
        mine = Playing(visitor)
        with self._lock:
            if name in self._playing:
                raise ChoraleError(Diagnostic("P001", "A run of this name plays already."))
            if len(self._playing) >= MAX_RUNS:
                raise ChoraleError(
                    Diagnostic(
                        "P002", f"{MAX_RUNS} runs wait or play already.", "Try again in a minute."
                    )
                )
            self._playing[name] = mine
            if name in self._forsaken:
                mine.stop.set()
        try:
            yield mine
        finally:
            mine.stop.set()
            with self._lock:
                del self._playing[name]

    def find(self, run: object) -> Playing | None:
        """The run of that name, or None if it has ended or never was."""
        with self._lock:
            return self._playing.get(run) if isinstance(run, str) else None

    def stop(self, run: object) -> bool:
        """Stop a run at its next step, or before it begins if it still waits; whether it played."""
        playing = self.find(run)
        if playing is not None:
            playing.stop.set()
        elif isinstance(run, str) and RUN_ID.fullmatch(run):
            with self._lock:
                self._forsaken.append(run)
        return playing is not None

    def leave(self, visitor: str) -> None:
        """Stop every run of a visitor whose page is closed."""
        with self._lock:
            for each in self._playing.values():
                if each.visitor == visitor:
                    each.stop.set()


def _checked(run: object) -> str:
    if isinstance(run, str) and RUN_ID.fullmatch(run):
        return run
    raise ChoraleError(
        Diagnostic("P001", "A run needs a name of 32 hexadecimal digits.", "Reload the page.")
    )
