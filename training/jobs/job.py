"""A job: one training with its folder, its checkpoints, and what it tells while it runs."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from graph.errors import ChoraleError
from graph.library import Library
from training.budget import Budget
from training.jobs.config import ModulatorConfig, Read, refused
from training.jobs.grid import Grid
from training.jobs.material import look, summary, task_of
from training.jobs.stop import Stop
from training.jobs.telling import Teller
from training.modulators import ModulatorTraining, Settings
from training.modules import ChangedError
from training.pairs import Material

MINE = "mine"
"""Below the model folder: where modules that a person trained lie."""
EVERY = 1.0
"""Seconds between two tellings of the loss."""


def place(jobs: Path, config: ModulatorConfig) -> Path:
    """The folder of a training among those of its kind."""
    return jobs / f"{config.kind}s" / config.name


def prepared(config: ModulatorConfig, models: Path, jobs: Path) -> Settings:
    """How it is trained; ChoraleError T002, T009 or M001 to M012 where it cannot be."""
    settings = _settings(config)
    module = f"{MINE}/{config.name}"
    if (models / module).exists() and not (place(jobs, config) / "state.pt").exists():
        raise refused(
            "T009",
            f"The library has a model '{module}' already.",
            "Choose another name, or remove that folder.",
        )
    Library(models, jobs).model(config.base)
    return settings


def _settings(config: ModulatorConfig) -> Settings:
    settings = replace(Settings(), **config.settings.given)
    if settings.batch % settings.levels:
        raise refused(
            "T002",
            f"In the training file, settings.batch: expected a multiple of levels, "
            f"which are {settings.levels}, got {settings.batch}.",
            f"Write {settings.levels * max(1, settings.batch // settings.levels)}.",
        )
    return settings


class Job:
    """A training of a modulator, from its checkpoint if there is one.

    ChoraleError T002, T004, T005, T009, T010 or what is wrong with the base, before a step is done.
    """

    def __init__(self, read: Read, models: Path, jobs: Path, tell: Teller) -> None:
        self.config, self.tell = read.config, tell
        self.folder, self.module = place(jobs, read.config), f"{MINE}/{read.config.name}"
        self.target = models / self.module
        settings = prepared(read.config, models, jobs)
        learned, held_out = look(read)
        tell("material", **summary(read, learned, held_out))
        self.training = self._open(read, settings, models, jobs, (learned, held_out))
        self.grid = Grid(self.training, held_out.pairs)
        self.budget = self._budget()
        self._kept = self.training.trainer.step

    def _open(
        self,
        read: Read,
        settings: Settings,
        models: Path,
        jobs: Path,
        material: tuple[Material, Material],
    ) -> ModulatorTraining:
        try:
            return ModulatorTraining(task_of(read), settings, models, jobs, material)
        except ChangedError as error:
            raise _changed(read.config, error) from None
        except ValueError as error:  # a base whose state is no picture, or of odd sides
            raise refused(
                "T010", f"'{read.config.base}' cannot be bent. {error}", "Choose another base."
            ) from None

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

    def play(self, stop: Stop) -> bool:
        """Train until the budget is used or `stop` is set; whether it came to its end.

        Raises:
            FloatingPointError: a loss is no number; the last checkpoint stands.
            OSError: something cannot be written; the last checkpoint stands.
        """
        trainer, config = self.training.trainer, self.config
        told = {"name": config.name, "step": trainer.step, "folder": str(self.folder)}
        self.tell("started", **told, base=config.base, maps=list(config.maps))
        if trainer.step == 0:
            self._validate(None)
        self._learn(stop)
        if stop.is_set() and self.budget.progress < 1.0:
            self.tell("stopped", step=trainer.step)
            return False
        scores = self.training.write(self.folder / "module", self.target)
        self.tell("finished", **scores, module=self.module, folder=str(self.target))
        return True

    def _learn(self, stop: Stop) -> None:
        """Do the steps, tell of them, and keep a checkpoint now and then and at the end."""
        budget, trainer = self.budget, self.training.trainer
        every = 60 * self.training.settings.validate_minutes
        began, first = time.monotonic(), budget.progress
        validated, spoken = began, -EVERY
        losses, loss = list[float](), None
        while budget.progress < 1.0 and not stop.is_set():
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


def _changed(config: ModulatorConfig, error: ChangedError) -> ChoraleError:
    """T005: what a training stands on has changed since it was begun."""
    changes = error.changes
    told = ("base", "base_hash", "maps", "widths", "data_hash")
    name = next((each for each in told if each in changes), next(iter(changes)))
    before, now = changes[name]
    match name:
        case "base_hash":
            what = f"the base '{config.base}' has changed: its weights are {now}, were {before}"
        case "data_hash":
            what = f"the material has changed: its content is {now}, was {before}"
        case _:
            what = f"it was begun with other {name}: {before}, now {now}"
    return refused(
        "T005",
        f"The training of '{config.name}' cannot go on: {what}.",
        "Choose another name to begin anew.",
    )
