"""What the page asks of trainings: material is uploaded and checked, jobs begin, rest and go on."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from graph.errors import ChoraleError, Diagnostic
from graph.writing import write_atomically
from studio.jobs import Jobs, command, lost
from studio.unzipped import Uploads

Frame = dict[str, Any]
PATIENCE = 600
"""Seconds that a check of material may take."""
LISTED = ("name", "kind", "phase", "base", "step", "progress", "module")


class Trainings:
    """The trainings below `data`, whose modules go to the first of the model folders.

    `allowed` is set by the page that serves them: on a public host nobody may train. `everyone`
    lets those train too whom something in between, a proxy, has brought here.
    """

    def __init__(self, data: Path, models: Sequence[Path]) -> None:
        self.allowed, self.everyone = False, False
        self._folder = data / "trainings"
        self._environment = {
            **os.environ,
            "CHORALE_DATA": str(data.resolve()),
            "CHORALE_MODELS": os.pathsep.join(str(folder.resolve()) for folder in models),
        }
        self._jobs = Jobs(self._folder, self._environment)
        self._uploads = Uploads(self._folder / "uploads")
        self._checking = threading.Lock()

    def answer(self, asked: Mapping[str, Any], *, near: bool = True) -> Frame:
        """Do what the page asks to `do`; what is wrong is told as diagnostics.

        `near` is whether this machine itself asks.
        """
        acts: Mapping[str, Callable[[Mapping[str, Any]], Frame]] = {
            "list": self._list,
            "state": self._state,
            "upload": self._upload,
            "check": self._check,
            "start": self._start,
            "resume": self._resume,
            "pause": self._pause,
            "discard": self._discard,
        }
        act = acts.get(str(asked.get("do")))
        try:
            if not self.allowed or not (near or self.everyone) or act is None:
                raise _refused(
                    "T011",
                    "This page does not train.",
                    "Whoever serves it may allow it: python app.py --training.",
                )
            return act(asked)
        except ChoraleError as error:
            return {"diagnostics": [each.as_json() for each in error.diagnostics]}
        except OSError as error:
            what = f"A file of the training could not be written: {error.strerror}."
            return {"diagnostics": [Diagnostic("T007", what, "Make room and try again.").as_json()]}

    def _list(self, _: Mapping[str, Any]) -> Frame:
        """Every training, the newest first, without its curves."""
        states = map(self._jobs.state, self._jobs.names())
        return {"trainings": [{k: each[k] for k in LISTED if k in each} for each in states]}

    def _state(self, asked: Mapping[str, Any]) -> Frame:
        """One training with its curves, and its grid where it is newer than the one `seen`."""
        name = self._jobs.known(asked.get("name"))
        told: Frame = {"training": self._jobs.state(name)}
        grid = self._jobs.followed(name).grid()
        if grid is not None and grid.name != asked.get("seen"):
            content = base64.b64encode(grid.read_bytes()).decode()
            told["grid"] = {"name": grid.name, "address": f"data:image/png;base64,{content}"}
        return told

    def _upload(self, asked: Mapping[str, Any]) -> Frame:
        """Take a part of a zip file; with the `last` unpack it and tell what was left out."""
        upload, start = asked.get("upload"), asked.get("start")
        if start == 0:
            self._uploads.forget(self._used())
        self._uploads.take(upload, start, asked.get("data"))
        return {"left_out": self._uploads.unpack(upload)} if asked.get("last") else {}

    def _check(self, asked: Mapping[str, Any]) -> Frame:
        """Look at the material in a process of its own, one at a time."""
        path = self._folder / "check.json"
        with self._checking:
            write_atomically(path, self._config(asked))
            try:
                ran = subprocess.run(  # noqa: S603
                    [*command(path), "--check"],
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=PATIENCE,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                why = f"The check of the material took more than {PATIENCE} s."
                raise _refused("T004", why, "Try fewer or smaller pictures.") from None
        for line in ran.stdout.splitlines():
            event = json.loads(line)
            if event["event"] == "material":
                return {"material": event}
            if event["event"] == "failure":
                return {"diagnostics": event["diagnostics"]}
        raise ChoraleError(lost(ran.stderr))

    def _start(self, asked: Mapping[str, Any]) -> Frame:
        content, told = self._config(asked), asked["config"]
        name = self._jobs.start(told.get("kind"), told.get("name"), content)
        return {"training": self._jobs.state(name)}

    def _resume(self, asked: Mapping[str, Any]) -> Frame:
        name = self._jobs.known(asked.get("name"))
        self._jobs.resume(name)
        return {"training": self._jobs.state(name)}

    def _pause(self, asked: Mapping[str, Any]) -> Frame:
        name = self._jobs.known(asked.get("name"))
        self._jobs.pause(name)
        return {"training": self._jobs.state(name)}

    def _discard(self, asked: Mapping[str, Any]) -> Frame:
        self._jobs.discard(self._jobs.known(asked.get("name")))
        self._uploads.forget(self._used())
        return self._list(asked)

    def _config(self, asked: Mapping[str, Any]) -> bytes:
        """The training file that is asked for; its material is an upload, or the Playground's.

        A page names no folders of the machine that it is served by.
        """
        config = asked.get("config")
        if not isinstance(config, dict):
            raise _refused("T002", "The training file needs an object.", "Reload the page.")
        told = cast("Frame", config)
        material = told.get("material")
        if isinstance(material, dict) and "upload" in material:
            folder = self._uploads.folder(cast("Frame", material)["upload"])
            told = {**told, "material": {"source": "folder", "path": str(folder.resolve())}}
        elif isinstance(material, dict):
            pairs = cast("Frame", material).get("pairs")
            told = {**told, "material": {"source": "playground", "pairs": pairs}}
        return json.dumps(told, indent=2).encode()

    def _used(self) -> set[Path]:
        """The uploads that trainings learn from."""
        found = (self._jobs.config(name).get("material") for name in self._jobs.names())
        materials = [cast("Frame", each) for each in found if isinstance(each, dict)]
        return {Path(str(each["path"])) for each in materials if "path" in each}


def _refused(code: str, message: str, hint: str) -> ChoraleError:
    return ChoraleError(Diagnostic(code, message, hint))
