"""A training as its folder shows it: followed line by line while it is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

TOLD = ("base", "maps", "onlooker", "asks", "sees", "levels")
"""What a training says of itself when it starts, one kind of it this and another that."""
POINTS = 400
"""Losses that are kept for the curve; beyond them every other one goes."""


class Followed:
    """What one training has told so far; only what is new is read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._offset = 0
        self._ended: dict[str, Any] | None = None
        self._began = False
        self._told: dict[str, Any] = {"losses": [], "held_out": [], "step": 0, "progress": 0.0}

    def state(self, *, alive: bool) -> dict[str, Any]:
        """The training as the page shows it; `alive` is whether its process runs."""
        self._read()
        return {"name": self.folder.name, "phase": self._phase(alive), **self._told, **self._end()}

    def grid(self) -> Path | None:
        """The newest grid of pictures."""
        found = sorted(self.folder.glob("grid-*.png"))
        return found[-1] if found else None

    def _phase(self, alive: bool) -> str:
        if alive:
            return "running" if self._began else "starting"
        if self._ended is None:
            return "lost"
        return {"finished": "finished", "stopped": "paused"}.get(self._ended["event"], "failed")

    def _end(self) -> dict[str, Any]:
        told = self._ended or {}
        return {name: told[name] for name in ("module", "folder", "diagnostics") if name in told}

    def _read(self) -> None:
        """Take in the lines that are whole; one that a crash has cut is no event."""
        path = self.folder / "events.jsonl"
        if not path.exists():
            return
        with path.open("rb") as file:
            file.seek(self._offset)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict) and "event" in event:
                self._take(cast("dict[str, Any]", event))

    def _take(self, event: dict[str, Any]) -> None:
        told = self._told
        match event["event"]:
            case "material":
                self._ended, self._began = None, False
                self._forget("pictures", "of", "seconds_left")
                told["material"] = {k: v for k, v in event.items() if k != "event"}
            case "painted":
                told |= {name: event[name] for name in ("pictures", "of", "seconds_left")}
            case "started":
                self._began = True
                self._forget_after(event["step"])
                self._forget("seconds_left")
                told |= {name: event[name] for name in ("step", *TOLD) if name in event}
            case "progress":
                told |= {name: event[name] for name in ("step", "progress", "seconds_left")}
                told["losses"] = _thinned([*told["losses"], [event["step"], event["loss"]]])
            case "validated":
                point = [event["step"], event["held_out"], event["base"]]
                earlier = [each for each in told["held_out"] if each[0] != point[0]]
                told["held_out"] = _thinned([*earlier, point])
            case "finished" | "stopped" | "failure":
                self._ended = event
            case _:
                return  # of a newer version

    def _forget(self, *names: str) -> None:
        for name in names:
            self._told.pop(name, None)

    def _forget_after(self, step: int) -> None:
        """What was learned after the checkpoint from which it goes on is learned again."""
        for name in ("losses", "held_out"):
            self._told[name] = [point for point in self._told[name] if point[0] <= step]


def _thinned(points: list[Any]) -> list[Any]:
    """The points, or every other one and the newest where there are too many."""
    return points if len(points) <= POINTS else [*points[:-1:2], points[-1]]
