"""Templates: the workflows that ship with the studio, each with a picture of its result."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

SHELF = Path(__file__).resolve().parents[1] / "assets" / "workflows"
FIRST = "first-light"
EMPTY: dict[str, Any] = {"chorale": 1, "title": "Untitled", "nodes": [], "wires": []}


class Shelf:
    """The workflow files of one folder, called by the names of their files."""

    def __init__(self, folder: Path = SHELF) -> None:
        self._files = {path.stem: path for path in sorted(folder.glob("*.json"))}

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def opening(self) -> dict[str, Any]:
        """What a first visit shows: {workflow, picture}."""
        name = FIRST if FIRST in self._files else next(iter(self._files), None)
        return self.open(name) if name else {"workflow": EMPTY, "picture": None}

    def open(self, name: str) -> dict[str, Any]:
        """The workflow called `name` with its picture; KeyError if there is none."""
        path = self._files[name]
        return {"workflow": json.loads(path.read_text("utf-8")), "picture": _picture(path)}

    def list(self) -> list[dict[str, Any]]:
        """Every template with title, description and picture, the opening one first."""
        names = sorted(self._files, key=lambda name: (name != FIRST, name))
        return [self._entry(name) for name in names]

    def _entry(self, name: str) -> dict[str, Any]:
        opened = self.open(name)
        workflow = opened["workflow"]
        return {
            "name": name,
            "title": workflow.get("title", name),
            "description": workflow.get("description", ""),
            "picture": opened["picture"],
        }


def _picture(workflow: Path) -> str | None:
    """The picture beside a workflow file as a data URL, or None."""
    path = workflow.with_suffix(".png")
    if not path.exists():
        return None
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
