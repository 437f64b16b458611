"""The files of kept runs: `<owner>/<name>/` holds run.json, thumb.jpg and the pictures."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graph.errors import ChoraleError, Diagnostic
from graph.writing import write_atomically
from studio.index import Entry, unreachable

NAME = re.compile(r"[0-9a-f]{32}")
OWNER = re.compile(r"[0-9a-f]{64}")
ABANDONED = 3600.0
"""Seconds after which a folder that was never finished is cleared away."""
DAMAGES = (OSError, ValueError, KeyError, TypeError, AttributeError)
"""What reading files that somebody has altered may raise."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An opened run: its entry, what run.json holds, and its PNG files."""

    entry: Entry
    told: Mapping[str, Any]
    pictures: tuple[bytes, ...]


class RunFiles:
    """The folders of runs, each written beside its place and moved there when it is whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, owner: str, name: str) -> Path:
        """The folder of a run."""
        return self._folder / owner / name

    def whole(self, entry: Entry) -> bool:
        """Whether the run's files are still there."""
        return (self.path(entry.owner, entry.name) / "run.json").is_file()

    def write(
        self,
        owner: str,
        name: str,
        told: Mapping[str, Any],
        pictures: Sequence[bytes],
        thumb: bytes,
    ) -> Entry:
        """Write a run in one step: none is ever half there. ChoraleError H005."""
        beside = self.path(owner, f".{name}")
        content = {**told, "made": time.time(), "pictures": len(pictures)}
        try:
            for number, picture in enumerate(pictures):
                write_atomically(beside / f"{number}.png", picture)
            write_atomically(beside / "thumb.jpg", thumb)
            write_atomically(beside / "run.json", json.dumps(content, ensure_ascii=False).encode())
            beside.replace(self.path(owner, name))
        except OSError as error:
            shutil.rmtree(beside, ignore_errors=True)
            raise unreachable(error.strerror or str(error)) from None
        return self.entry(owner, name)

    def read(self, entry: Entry) -> Kept:
        """Everything of a run; ChoraleError H003 if something of it is gone or damaged."""
        folder = self.path(entry.owner, entry.name)
        try:
            told = json.loads((folder / "run.json").read_bytes())
            numbers = range(int(told["pictures"]))
            pictures = tuple((folder / f"{number}.png").read_bytes() for number in numbers)
        except DAMAGES:
            raise ChoraleError(lost(entry.title)) from None
        return Kept(entry, told, pictures)

    def thumb(self, entry: Entry) -> bytes:
        """The small JPEG of a run; nothing where its file is gone."""
        path = self.path(entry.owner, entry.name) / "thumb.jpg"
        return path.read_bytes() if path.is_file() else b""

    def remove(self, entry: Entry) -> None:
        """Remove a run's files, in one step as others see it. ChoraleError H005."""
        gone = self.path(entry.owner, f".{entry.name}")
        try:
            if self.path(entry.owner, entry.name).exists():
                self.path(entry.owner, entry.name).replace(gone)
            shutil.rmtree(gone, ignore_errors=True)
        except OSError as error:
            raise unreachable(error.strerror or str(error)) from None

    def entry(self, owner: str, name: str) -> Entry:
        """The entry of a folder, from its own files; one of DAMAGES if they are not whole."""
        folder = self.path(owner, name)
        told: Any = json.loads((folder / "run.json").read_bytes())
        seed = told.get("seed")
        return Entry(
            owner=owner,
            name=name,
            made=float(told["made"]),
            run=str(told.get("run", "")),
            title=str(told["workflow"].get("title", "Untitled")),
            seed=None if seed is None else int(seed),
            seconds=float(told["seconds"]),
            pictures=int(told["pictures"]),
            bytes=sum(file.stat().st_size for file in folder.iterdir()),
        )

    def entries(self, known: set[tuple[str, str]]) -> Iterator[Entry]:
        """The whole runs that are not `known`; what is abandoned or damaged is cleared away."""
        for path in self._folder.glob("*/*"):
            owner, name = path.parent.name, path.name
            if not OWNER.fullmatch(owner):
                continue
            if name.startswith("."):
                if time.time() - path.stat().st_mtime > ABANDONED:
                    shutil.rmtree(path, ignore_errors=True)
            elif NAME.fullmatch(name) and (owner, name) not in known:
                try:
                    yield self.entry(owner, name)
                except DAMAGES:
                    shutil.rmtree(path, ignore_errors=True)


def lost(title: str) -> Diagnostic:
    """H003: a run without its files."""
    return Diagnostic(
        "H003",
        f"The files of the run '{title}' are gone or damaged; it was taken out of the history.",
        "Open its picture if you saved it: it carries the workflow.",
        severity="warning",
    )
