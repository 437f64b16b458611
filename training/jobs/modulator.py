"""Modulators: pairs are looked through, and the base is bent by what is learned from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from graph.library import Library
from graph.shelves import Folders
from training.jobs.config import ModulatorConfig, Playground, Read, refused
from training.jobs.grid import Grid
from training.jobs.material import SHOWN, look, shown, summary
from training.jobs.stop import Stop
from training.jobs.telling import Teller
from training.modulators import ModulatorTraining, Settings, Task
from training.modules import ChangedError


class ModulatorKind:
    """A modulator as a training file asks for it; ChoraleError T002 or M001 to M012."""

    named: Mapping[str, str] = {
        "base": "it was begun with other base: {was}, now {now}",
        "base_hash": "the base '{base}' has changed: its weights are {now}, were {was}",
        "maps": "it was begun with other maps: {was}, now {now}",
        "widths": "it was begun with other widths: {was}, now {now}",
        "data_hash": "the material has changed: its content is {now}, was {was}",
    }

    def __init__(self, read: Read, config: ModulatorConfig, models: Folders, jobs: Path) -> None:
        self.config, self.models, self.jobs = config, models, jobs
        self.task = Task(
            config.name, config.base, config.maps, config.material.pairs, read.folder()
        )
        self.settings = replace(Settings(), **config.settings.given)
        batch, levels = self.settings.batch, self.settings.levels
        if batch % levels:
            raise refused(
                "T002",
                f"In the training file, settings.batch: expected a multiple of levels, "
                f"which are {levels}, got {batch}.",
                f"Write {levels * max(1, batch // levels)}.",
            )
        Library(models, jobs).model(config.base)

    @property
    def told(self) -> dict[str, Any]:
        """The expert that is bent, and by which maps."""
        return {"base": self.config.base, "maps": list(self.config.maps)}

    def check(self) -> dict[str, Any]:
        """Counts, sizes, what was left out, and the first pairs; ChoraleError T004."""
        task = self.task
        if isinstance(self.config.material, Playground):  # a few tell what the others are like
            task = replace(task, pairs=min(task.pairs, 4 * SHOWN))
        learned, held_out = look(task)
        return {**summary(self.task, learned, held_out), "shown": shown(learned)}

    def open(self, tell: Teller, stop: Stop) -> tuple[ModulatorTraining, Grid]:
        """Look through the pairs and make ready; ChoraleError T004 or T010."""
        learned, held_out = look(self.task)
        tell("material", **summary(self.task, learned, held_out))
        material = learned, held_out
        try:
            training = ModulatorTraining(self.task, self.settings, self.models, self.jobs, material)
        except ChangedError:
            raise
        except ValueError as error:  # a base whose state is no picture, or of odd sides
            raise refused(
                "T010", f"'{self.config.base}' cannot be bent. {error}", "Choose another base."
            ) from None
        return training, Grid(training, held_out.pairs)
