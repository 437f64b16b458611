"""Jobs: trainings in processes of their own, one at a time, each with its folder."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from graph.errors import ChoraleError, Diagnostic
from graph.held import holder
from graph.jsontext import parse_json
from graph.writing import write_atomically
from studio.followed import Followed

ROOT = Path(__file__).resolve().parents[1]
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
KINDS = ("modulator", "guidance")
"""What can be trained; the trainings of a kind lie together, in a folder of its name with an s."""
CONFIG, ERRORS, LOCK = "config.json", "errors.txt", "lock"
LARGEST = 2**16
State = dict[str, Any]


class Jobs:
    """The folders of trainings below one, and the process that works in one of them.

    The process is a child that a closed tab does not end. When this process goes, whatever ends
    it, the child keeps a checkpoint and goes too; the next studio finds the folder.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder, self._environment = folder, environment
        self._followed: dict[str, Followed] = {}
        self._child: tuple[str, subprocess.Popen[bytes]] | None = None
        self._stopped: set[str] = set()
        self._lock = threading.RLock()

    def names(self) -> list[str]:
        """Every training, the newest first."""
        folders = (self._folder / f"{kind}s" for kind in KINDS)
        found = [path for folder in folders for path in folder.glob(f"*/{CONFIG}")]
        found.sort(key=_touched, reverse=True)
        return [path.parent.name for path in found if NAME.fullmatch(path.parent.name)]

    def known(self, name: object) -> str:
        """The name of a training that is there; ChoraleError T015."""
        if isinstance(name, str) and NAME.fullmatch(name) and (self._of(name) / CONFIG).is_file():
            return name
        raise _refused("T015", f"There is no training '{str(name)[:60]}'.", "Choose another.")

    def start(self, kind: object, name: object, config: bytes) -> str:
        """Begin a training under a name that is free; ChoraleError T002, T014 or T015."""
        if kind not in KINDS:
            raise _refused(
                "T002", f"There is no training of '{str(kind)[:60]}'.", f"Train a {KINDS[0]}."
            )
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise _refused(
                "T002",
                f"A training cannot be called '{str(name)[:60]}'.",
                "Give it a name of small letters, digits and hyphens.",
            )
        with self._lock:
            if self._of(name).exists():
                raise _refused(
                    "T015", f"There is a training '{name}' already.", "Choose another name."
                )
            self._need_rest()
            write_atomically(self._folder / f"{kind}s" / name / CONFIG, config)
            self._spawn(name)
        return name

    def resume(self, name: str) -> None:
        """Go on from the last checkpoint; ChoraleError T014 while a training runs."""
        with self._lock:
            self._need_rest()
            self._spawn(name)

    def pause(self, name: str) -> None:
        """Let the process keep a checkpoint and end."""
        self._signal(name, signal.SIGTERM)

    def discard(self, name: str) -> None:
        """End a training and remove its folder; a finished module stays in the library."""
        with self._lock:
            self._signal(name, signal.SIGKILL)
            if self._child is not None and self._child[0] == name:
                self._child[1].wait()
            shutil.rmtree(self._of(name))
            self._followed.pop(name, None)

    def state(self, name: str) -> State:
        """A training as the page shows it."""
        found = self.followed(name).state(alive=self._process(name) is not None)
        found["kind"] = self._of(name).parent.name.removesuffix("s")
        if found["phase"] != "lost":
            return found
        if name in self._stopped:  # before it had begun: nothing is lost
            return {**found, "phase": "paused"}
        errors = self._of(name) / ERRORS
        said = lost(errors.read_bytes() if errors.exists() else b"")
        return {**found, "phase": "failed", "diagnostics": [said.as_json()]}

    def config(self, name: str) -> State:
        """The training file of a training; nothing where it cannot be read."""
        try:
            found = parse_json((self._of(name) / CONFIG).read_bytes(), LARGEST)
        except (ChoraleError, OSError):
            return {}  # resuming it says what is wrong
        return cast("State", found) if isinstance(found, dict) else {}

    def followed(self, name: str) -> Followed:
        """What a training has told so far."""
        with self._lock:
            if name not in self._followed:
                self._followed[name] = Followed(self._of(name))
            return self._followed[name]

    def _spawn(self, name: str) -> None:
        folder = self._of(name)
        self._stopped.discard(name)
        with (folder / ERRORS).open("wb") as errors:
            process = subprocess.Popen(  # noqa: S603
                [*command(folder / CONFIG), "--parent", str(os.getpid())],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,  # Ctrl-C is for the studio, which ends its training itself
            )
        self._child = name, process

    def _signal(self, name: str, number: signal.Signals) -> None:
        pid = self._process(name)
        if pid is not None:
            self._stopped.add(name)
            os.kill(pid, number)

    def _process(self, name: str) -> int | None:
        """The process that trains under a name: a child of this one, or of another studio."""
        if self._child is not None and self._child[0] == name and self._child[1].poll() is None:
            return self._child[1].pid
        return holder(self._of(name) / LOCK)

    def _need_rest(self) -> None:
        """ChoraleError T014 while a training runs."""
        for name in self.names():
            if self._process(name) is not None:
                raise _refused(
                    "T014",
                    f"The training '{name}' runs; one runs at a time.",
                    "Pause it, or wait for its end.",
                )

    def _of(self, name: str) -> Path:
        """The folder of a training, among those of its kind."""
        folders = [self._folder / f"{kind}s" / name for kind in KINDS]
        return next((each for each in folders if each.exists()), folders[0])


def command(config: Path) -> list[str]:
    """The command that trains as a file says."""
    return [sys.executable, str(ROOT / "app.py"), "train", str(config), "--json"]


def lost(errors: bytes) -> Diagnostic:
    """T016: a process ended without a word, but perhaps with a complaint."""
    lines = errors[-2000:].decode(errors="replace").strip().splitlines()
    said = f" It said: {lines[-1][:300]}" if lines else ""
    return Diagnostic(
        "T016",
        f"The training ended without telling why; the last checkpoint is kept.{said}",
        "Resume it.",
    )


def _touched(path: Path) -> float:
    events = path.with_name("events.jsonl")
    return (events if events.exists() else path).stat().st_mtime


def _refused(code: str, message: str, hint: str) -> ChoraleError:
    return ChoraleError(Diagnostic(code, message, hint))
