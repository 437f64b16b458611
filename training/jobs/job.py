"""A job: one training with its folder, its checkpoints, and what it tells while it runs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from graph.errors import ChoraleError
from graph.shelves import Folders, Shelves
from training.budget import Budget
from training.jobs.config import Config, Read, refused
from training.jobs.kinds import Kind, kind_of
from training.jobs.stop import Stop
from training.jobs.telling import Teller
from training.modules import ChangedError

MINE = "mine"
"""Below the model folder: where modules that a person trained lie."""
EVERY = 1.0
"""Seconds between two tellings of the loss."""


def place(jobs: Path, config: Config) -> Path:
    """The folder of a training among those of its kind."""
    return jobs / f"{config.kind}s" / config.name


def prepared(read: Read, models: Folders, jobs: Path) -> Kind:
    """What is asked for, held against the library; ChoraleError T009 or what its kind says."""
    module = f"{MINE}/{read.config.name}"
    if (Shelves(models).folders[0] / module).exists() and not (
        place(jobs, read.config) / "state.pt"
    ).exists():
        raise refused(
            "T009",
            f"The library has a model '{module}' already.",
            "Choose another name, or remove that folder.",
        )
    return kind_of(read, models, jobs)


class Job:
    """A training, from its checkpoint if there is one.

    Before a step is done: ChoraleError T005, T009 or what its kind says, KeyboardInterrupt
    where `stop` is set.
    """

    def __init__(self, read: Read, models: Folders, jobs: Path, tell: Teller, stop: Stop) -> None:
        self.config, self.tell, self.stop = read.config, tell, stop
        self.folder, self.module = place(jobs, read.config), f"{MINE}/{read.config.name}"
        self.target = Shelves(models).folders[0] / self.module
        self.kind = prepared(read, models, jobs)
        try:
            self.training, self.grid = self.kind.open(tell, stop)
        except ChangedError as error:
            raise _changed(read.config, self.kind, error) from None
        self.budget = self._budget()
        self._kept = self.training.trainer.step

    def _budget(self) -> Budget:
        """What is left of the budget, which counts all that was done under this name."""
        step, config = self.training.trainer.step, self.config
        used = 60 * self._minutes(step)
        return Budget(config.steps, config.minutes, time.monotonic() - used, step)

    def _minutes(self, step: int) -> float:
        """Minutes that had been used when the checkpoint of this step was written."""
        log = self.training.run / "log.jsonl"
        if step == 0 or not log.exists():
            return 0.0
        entries = [json.loads(line) for line in log.read_text().splitlines() if line.endswith("}")]
        return max((each["minutes"] for each in entries if each["step"] == step), default=0.0)

    def play(self) -> bool:
        """Train until the budget is used or the stop is set; whether it came to its end.

        Raises:
            FloatingPointError: a loss is no number; the last checkpoint stands.
            OSError: something cannot be written; the last checkpoint stands.
        """
        trainer, config = self.training.trainer, self.config
        told = {"name": config.name, "step": trainer.step, "folder": str(self.folder)}
        self.tell("started", **told, **self.kind.told)
        if trainer.step == 0:
            self._validate(None)
        self._learn()
        if self.stop.is_set() and self.budget.progress < 1.0:
            self.tell("stopped", step=trainer.step)
            return False
        scores = self.training.write(self.folder / "module", self.target)
        self.tell("finished", **scores, module=self.module, folder=str(self.target))
        return True

    def _learn(self) -> None:
        """Do the steps, tell of them, and keep a checkpoint now and then and at the end."""
        budget, trainer = self.budget, self.training.trainer
        every = 60 * self.training.settings.validate_minutes
        began, first = time.monotonic(), budget.progress
        validated, spoken = began, -EVERY
        losses, loss = list[float](), None
        while budget.progress < 1.0 and not self.stop.is_set():
            losses.append(self.training.advance(budget.progress))
            budget.done += 1
            now = time.monotonic()
            if now - spoken >= EVERY or budget.progress >= 1.0:
                spoken, loss = now, sum(losses) / len(losses)
                progress = budget.progress
                left = (now - began) * (1.0 - progress) / max(progress - first, 1e-9)
                losses.clear()
                self.tell(
                    "progress",
                    step=trainer.step,
                    loss=loss,
                    progress=round(progress, 5),
                    seconds_left=round(left, 1),
                )
            if now - validated >= every:
                self._validate(loss)
                validated = time.monotonic()
        if trainer.step > self._kept:
            self._validate(loss)

    def _validate(self, loss: float | None) -> None:
        """Measure, keep the checkpoint, and paint the grid anew."""
        minutes = self.budget.elapsed / 60
        entry: dict[str, Any] = self.training.report(loss, minutes)
        self._kept = entry["step"]
        path = self.folder / f"grid-{entry['step']:07d}.png"
        self.grid.write(path)
        self.tell(
            "validated",
            step=entry["step"],
            held_out=entry["held_out"],
            base=entry["base"],
            minutes=round(minutes, 3),
            grid=str(path),
        )


def _changed(config: Config, kind: Kind, error: ChangedError) -> ChoraleError:
    """T005: what a training stands on has changed since it was begun."""
    name = next((each for each in kind.named if each in error.changes), next(iter(error.changes)))
    was, now = error.changes[name]
    said = kind.named.get(name, f"it was begun with other {name}: {{was}}, now {{now}}")
    what = said.format(was=was, now=now, **kind.told)
    return refused(
        "T005",
        f"The training of '{config.name}' cannot go on: {what}.",
        "Choose another name to begin anew.",
    )
