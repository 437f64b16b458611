"""What differs between the kinds of training; each has its own in a file of its name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from graph.shelves import Folders
from training.jobs.config import ModulatorConfig, Read
from training.running import Training

if TYPE_CHECKING:
    from training.jobs.stop import Stop
    from training.jobs.telling import Teller
    from training.trainer import Trainer


class Making(Training, Protocol):
    """A training whose checkpoint lies in a folder, and that ends as the folder of a module."""

    @property
    def trainer(self) -> Trainer:
        """What learns."""
        ...

    @property
    def run(self) -> Path:
        """Where checkpoint and log lie."""
        ...

    def write(self, *folders: Path) -> dict[str, Any]:
        """Write the module; what is told of it: steps, and the losses held_out and base."""
        ...


class Grid(Protocol):
    """A sheet of pictures that shows what has been learned."""

    def write(self, path: Path) -> None:
        """Paint it; OSError if it cannot be written."""
        ...


class Kind(Protocol):
    """A training file of a kind, held against the library."""

    named: Mapping[str, str]
    """Of what a training stands on: facts, the most telling first, and how a change of them is said
    with what they `was` and are `now`."""

    @property
    def told(self) -> dict[str, Any]:
        """What the event `started` tells of it, beside what all tell."""
        ...

    def check(self) -> dict[str, Any]:
        """What the event `material` tells, with the first of it `shown`; nothing is learned."""
        ...

    def open(self, tell: Teller, stop: Stop) -> tuple[Making, Grid]:
        """Tell of the material and make ready to learn, from the checkpoint if there is one.

        KeyboardInterrupt where `stop` is set on the way, ChangedError for other facts than those
        that a checkpoint stands on, ChoraleError for what cannot be used.
        """
        ...


def kind_of(read: Read, models: Folders, jobs: Path) -> Kind:
    """A training file held against the library; ChoraleError for what is wrong with it."""
    if isinstance(read.config, ModulatorConfig):
        from training.jobs.modulator import ModulatorKind

        return ModulatorKind(read, read.config, models, jobs)
    from training.jobs.guidance import GuidanceKind

    return GuidanceKind(read.config, models, jobs)
