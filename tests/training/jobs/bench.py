"""What tests of trainings share: a small library, the command, and what it says."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.graph.experts import folders
from training.jobs.command import main
from training.world import SCENE_KINDS

ROOT = Path(__file__).parents[3]
WEIGHTS = {"modulator": "diffusion_pytorch_model.safetensors", "guidance": "adapters.safetensors"}


class Bench:
    """A library with one small base, a folder for trainings, and what a command says."""

    def __init__(
        self, root: Path, capsys: pytest.CaptureFixture[str], asked: Mapping[str, Any]
    ) -> None:
        self.root, self.models, self.jobs = root, root / "models", root / "jobs"
        self.capsys, self.asked = capsys, asked
        self.base = folders.dit(
            self.models / "playground/class", card={"condition": "class", "labels": SCENE_KINDS}
        )
        self.folder = self.jobs / f"{asked['kind']}s" / "tiny"

    def train(self, *options: str, **changes: Any) -> tuple[int, list[dict[str, Any]]]:
        """The status of a command and its events."""
        path = self._file(**changes)
        status = main([str(path), "--json", *options], self.models, self.jobs)
        return status, [json.loads(line) for line in self.capsys.readouterr().out.splitlines()]

    def _file(self, **changes: Any) -> Path:
        told = {
            "chorale_training": 1,
            "name": "tiny",
            "base": "playground/class",
            "steps": 3,
            **self.asked,
            **changes,
        }
        path = self.root / "t.json"
        path.write_text(json.dumps(told))
        return path

    def refused(self, **changes: Any) -> str:
        """What is said of a training that cannot be done."""
        status, events = self.train(**changes)
        assert status == 1
        assert events[-1]["event"] == "failure"
        return "\n".join(f"{d['code']} {d['message']}" for d in events[-1]["diagnostics"])

    def killed(self, step: int, **changes: Any) -> int:
        """The status of a process of its own that is killed in the step after the numbered one."""
        path = self._file(**changes)
        told = [sys.executable, "-c", DYING, path, self.models, self.jobs, str(step)]
        return subprocess.run(told, cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode

    def learned(self) -> dict[str, torch.Tensor]:
        """The weights of the finished module."""
        return load_file(self.models / "mine/tiny" / WEIGHTS[self.asked["kind"]])


DYING = """
import os, signal, sys
from pathlib import Path
from training.jobs.command import main
from training.trainer import Trainer

apply = Trainer.apply

def dying(self, loss, progress):
    found = apply(self, loss, progress)
    if self.step > int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)
    return found

Trainer.apply = dying
main([sys.argv[1]], *map(Path, sys.argv[2:4]))
"""


def at_step(
    monkeypatch: pytest.MonkeyPatch, training: Any, step: int, act: Callable[[], None]
) -> None:
    """Do something while the step of that number is done."""
    advance = training.advance

    def acting(self: Any, progress: float) -> float:
        if self.trainer.step == step:
            act()
        return advance(self, progress)

    monkeypatch.setattr(training, "advance", acting)


@contextmanager
def no_room(size: int) -> Any:
    """Files of this process cannot grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
