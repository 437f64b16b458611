"""What a training tells: events as lines of a file, and to whoever started it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from graph.errors import Diagnostic

EVENTS = "events.jsonl"


class Teller:
    """Tells events: to `path` if given, and as JSON or in words on standard output."""

    def __init__(self, path: Path | None, *, as_json: bool) -> None:
        self._path, self._as_json = path, as_json
        self._bar: tqdm[Any] | None = None

    def __call__(self, event: str, **told: Any) -> None:
        """Tell one event; OSError if its line cannot be written."""
        self._shown({"event": event, **told})
        if self._path is not None:
            append(self._path, {"event": event, **told})

    def failed(self, diagnostics: Sequence[Diagnostic]) -> None:
        """Tell a failure, on standard output even where the disk takes no line more."""
        found = [each.as_json() for each in diagnostics]
        self._shown({"event": "failure", "diagnostics": found})
        if not self._as_json:
            for each in diagnostics:
                print(f"{each.severity}: {each}", file=sys.stderr)
        if self._path is not None and self._path.parent.is_dir():
            append(self._path, {"event": "failure", "diagnostics": found})

    def _shown(self, told: Mapping[str, Any]) -> None:
        if self._as_json:
            print(json.dumps(told, ensure_ascii=False), flush=True)
            return
        if told["event"] in ("painted", "progress", "validated"):
            self._advance(told)
            return
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        for line in in_words(told):
            print(line, flush=True)

    def _advance(self, told: Mapping[str, Any]) -> None:
        if self._bar is None:
            form = "{percentage:3.0f} %|{bar}| {postfix}"
            self._bar = tqdm(total=1.0, bar_format=form, leave=False)
        if told["event"] == "validated":
            self._bar.write(
                f"step {told['step']}: held-out loss {told['held_out']:.4f}, "
                f"before it learned {told['base']:.4f}  {told['grid']}"
            )
            return
        left = f"{told['seconds_left']:.0f} s left"
        if told["event"] == "painted":
            self._bar.n = told["pictures"] / told["of"]
            self._bar.set_postfix_str(f"{told['pictures']} of {told['of']} pictures, {left}")
        else:
            self._bar.n = told["progress"]
            self._bar.set_postfix_str(f"step {told['step']}, loss {told['loss']:.4f}, {left}")


def in_words(told: Mapping[str, Any]) -> list[str]:
    """An event as lines for a person."""
    match told["event"]:
        case "material":
            return [*told["said"], *(f"left out {each}" for each in told.get("left_out", ()))]
        case "started":
            how = f"goes on at step {told['step']}" if told["step"] else "begins"
            return [f"The training of {told['name']} {how}; its folder is {told['folder']}"]
        case "stopped":
            where = "before it learned" if told["step"] is None else f"at step {told['step']}"
            return [f"Stopped {where}; the same command goes on from there."]
        case "finished":
            losses = f"held-out loss {told['held_out']:.4f}, before it learned {told['base']:.4f}"
            made = f"{told['module']} is trained: {losses}, after {told['steps']} steps."
            return [made, f"It lies in {told['folder']}"]
        case _:
            return []


def append(path: Path, told: Mapping[str, Any]) -> None:
    """Add a line; one that a crash cut short before it stays a line of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 1))
        cut = size > 0 and file.read(1) != b"\n"
        line = json.dumps(told, ensure_ascii=False).encode() + b"\n"
        file.write(b"\n" + line if cut else line)
