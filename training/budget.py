"""What a training may use, and what it leaves behind: budget, checkpoints, log."""

import io
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from graph.writing import write_atomically

RUNS = Path(__file__).parent / "runs"


@dataclass
class Budget:
    """The steps or wall minutes that one invocation may use; exactly one of them is given.

    A resumed run gets its budget on top of what it has already done.
    """

    steps: int | None = None
    minutes: float | None = None
    started: float = field(default_factory=time.monotonic)
    done: int = 0

    def __post_init__(self) -> None:
        """Refuse a budget that is ambiguous or missing."""
        if (self.steps is None) == (self.minutes is None):
            raise ValueError("Give a training either steps or minutes, not both and not neither.")

    @property
    def progress(self) -> float:
        """The used share, 0 to 1."""
        if self.steps is not None:
            return min(1.0, self.done / max(1, self.steps))
        return min(1.0, self.elapsed / (60 * (self.minutes or 1e-9)))

    @property
    def elapsed(self) -> float:
        """Wall seconds since the start."""
        return time.monotonic() - self.started

    def ticks(
        self, label: str, agree: Callable[[float], float] = float
    ) -> Iterator[tuple[float, "tqdm[Any]"]]:
        """Yield the progress before each step, with the bar that shows it, until it is used up.

        Args:
            label: shown beside the bar.
            agree: makes the processes of one training see the same progress.
        """
        with tqdm(total=self.steps, desc=label, mininterval=10.0) as bar:
            while (progress := agree(self.progress)) < 1.0:
                yield progress, bar
                self.done += 1
                bar.update()


def save_atomically(state: dict[str, Any], path: Path) -> None:
    """Write a checkpoint so that a crash leaves the old one or the new one, never half of one."""
    content = io.BytesIO()  # torch's own writing of a file tells a full disk as an error of its own
    torch.save(state, content)
    write_atomically(path, content.getvalue())


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """Read a checkpoint of one's own making, or None where there is none."""
    if not path.exists():
        return None
    return torch.load(path, map_location="cpu", weights_only=True)


def log(path: Path, **entry: object) -> None:
    """Append one line to a JSONL log."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(entry) + "\n")


def device() -> torch.device:
    """The accelerator when there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
