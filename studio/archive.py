"""What the page asks of the history: keep, list, reopen, delete and download runs."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image

from graph.errors import ChoraleError
from studio.downloads import address, download, said
from studio.frames import Frame
from studio.history import History, owner_of
from studio.index import Entry
from studio.kept import Kept

THUMB = 192
MANY = 48
"""Runs that one answer lists."""


class Archive:
    """A history as the page sees it: answers are JSON, and what went wrong is in them."""

    def __init__(self, history: History) -> None:
        self._history = history

    def keep(
        self, key: object, run: object, workflow: Any, told: Frame, pictures: Sequence[bytes]
    ) -> Frame:
        """Keep a result frame's run: {kept: its name}, or {kept: None, said: why not}."""
        content = {name: value for name, value in told.items() if name not in ("type", "pictures")}
        content |= {"run": str(run), "workflow": workflow}
        try:
            return {"kept": self._history.keep(key, content, pictures, _thumb(pictures[0]))}
        except ChoraleError as error:
            return {"kept": None, **said(error.diagnostics)}

    def list(self, asked: Mapping[str, Any]) -> Frame:
        """A visitor's newest runs, or those after the one named `after`."""
        try:
            found, mended = self._history.list(asked.get("visitor"))
        except ChoraleError as error:
            return {"runs": [], "total": 0, "bytes": 0, **said(error.diagnostics)}
        names = [entry.name for entry in found]
        start = names.index(asked["after"]) + 1 if asked.get("after") in names else 0
        return {
            "runs": [self._shown(entry) for entry in found[start : start + MANY]],
            "total": len(found),
            "bytes": sum(entry.bytes for entry in found),
            **said(mended),
        }

    def open(self, asked: Mapping[str, Any]) -> Frame:
        """A run as it was: {workflow, pictures, record, meters, labels, seconds}, or {said}."""
        try:
            kept = self._history.open(asked.get("visitor"), asked.get("name"))
        except ChoraleError as error:
            return said(error.diagnostics)
        pictures = [address("image/png", picture) for picture in kept.pictures]
        return {**kept.told, **self._shown(kept.entry), "pictures": pictures, "said": []}

    def delete(self, asked: Mapping[str, Any]) -> Frame:
        """Delete a run: {said}."""
        try:
            self._history.delete(asked.get("visitor"), asked.get("name"))
        except ChoraleError as error:
            return said(error.diagnostics)
        return said(())

    def download(self, asked: Mapping[str, Any]) -> Frame:
        """The run's picture, or all of them in a ZIP: {name, address}, or {said}."""
        try:
            kept = self._history.open(asked.get("visitor"), asked.get("name"))
        except ChoraleError as error:
            return said(error.diagnostics)
        stem, pictures = _stem(kept), kept.pictures
        names = [f"{stem}-{number:03d}.png" for number in range(1, len(pictures) + 1)]
        names = names if len(names) > 1 else [f"{stem}.png"]
        return download(stem, dict(zip(names, pictures, strict=True)))

    def _shown(self, entry: Entry) -> Frame:
        return {
            "name": entry.name,
            "run": entry.run,
            "title": entry.title,
            "seed": entry.seed,
            "seconds": entry.seconds,
            "count": entry.pictures,
            "made": datetime.fromtimestamp(entry.made, UTC).isoformat(),
            "thumb": address("image/jpeg", self._history.thumb(entry)),
        }


def archive(folder: Path) -> Archive:
    """The archive of the history below a data folder."""
    return Archive(History(folder / "history"))


def has_key(key: object) -> bool:
    """Whether a browser that wants a history asks."""
    try:
        owner_of(key)
    except ChoraleError:
        return False
    return True


def _thumb(picture: bytes) -> bytes:
    with Image.open(io.BytesIO(picture)) as image:
        small = image.convert("RGB")
    small.thumbnail((THUMB, THUMB))
    raw = io.BytesIO()
    small.save(raw, "JPEG", quality=82)
    return raw.getvalue()


def _stem(kept: Kept) -> str:
    return re.sub(r"[^a-z0-9]+", "-", kept.entry.title.lower()).strip("-") or "untitled"
