"""Train a model on noisy pictures with their labels: the mark for guidance experts, who have none.

The same network as the one that they are made of, all of its weights, on renders of which it is
known what they show. None ships.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from graph.checkpoints import load_likelihood
from graph.companions import ADAPTERS, MODEL_WEIGHTS, open_companion
from graph.guiding import picture
from graph.interfaces import Likelihood
from graph.library import Library
from graph.machine import Machine
from graph.runtime import Runtime
from training.budget import RUNS, Budget, load_checkpoint, save_atomically
from training.guidance import SPAN, GuidanceTraining
from training.judge.conditions import to_images
from training.onlooker import CHUNK, OnlookerTraining, Renders, Settings, Task, learn
from training.precision import halved

BASE = "playground/unconditional"
"""Whose latent space the noise is in."""
ONE_RANGE = "one-range"
"""The run of a guidance expert with one range, which is measured beside that with several."""


@dataclass
class LabelledTraining(OnlookerTraining):
    """It goes on from the weights of the model that ships, on what it learned from, with noise."""

    models: Path = Path()
    family: ClassVar[str] = "labelled"

    def __post_init__(self) -> None:
        """Encode the renders, and go on from the checkpoint if there is one."""
        _, base = Runtime(Library(self.models, self.runs / "assets")).expert(BASE)
        if base.codec is None:
            raise ValueError(f"'{BASE}' has no autoencoder, and noise is laid on its states.")
        self.codec = base.codec
        super().__post_init__()
        self.states = self._encoded("learned", self.learned)
        self.apart = self._encoded("held-out", self.held_out)

    def untrained(self) -> Any:
        """The model that knows clean pictures alone."""
        drawn = self.task.untrained(self.settings.widths or self.task.widths)
        return type(drawn).from_pretrained(self.models / "playground" / self.task.name).float()

    @torch.no_grad()
    def _encoded(self, name: str, renders: Renders) -> Tensor:
        """Clean states of renders, made once for a run."""
        path = self.run / f"{name}.pt"
        kept = load_checkpoint(path)
        if kept is None:
            parts = [
                self.codec.encode(to_images(part.float() / 255))
                for part in renders.pictures.split(CHUNK)
            ]
            kept = {"states": torch.cat(parts).half()}
            save_atomically(kept, path)
        return kept["states"].float()

    @torch.no_grad()
    def _noisy(self, states: Tensor, generator: torch.Generator) -> Tensor:
        """What noise leaves of states, decoded; each at a level of its own, even in log-SNR."""
        low, high = SPAN
        drawn = low + (high - low) * torch.rand((len(states), 1, 1, 1), generator=generator)
        noise = torch.randn(states.shape, generator=generator)
        with halved("cpu"):
            x = drawn.sigmoid().sqrt() * states + (-drawn).sigmoid().sqrt() * noise
            return picture(self.codec, x) * 0.5 + 0.5

    def shown(self, chosen: Tensor, generator: torch.Generator) -> Tensor:
        """The chosen through noise."""
        return self._noisy(self.states[chosen], generator)

    def examined(self) -> Iterator[Tensor]:
        """The held-out renders through noise, the same every time."""
        generator = torch.Generator().manual_seed(self.task.seed)
        for part in self.apart.split(CHUNK):
            yield self._noisy(part, generator)


def train(
    task: Task, settings: Settings, steps: int | None, minutes: float | None, models: Path
) -> None:
    """Train within a budget; the folder is written into the run, for the judge."""
    learn(LabelledTraining(task, settings, models=models), Budget(steps, minutes))


def opened(machine: Machine, runs: Path = RUNS) -> dict[str, tuple[Path, Likelihood]]:
    """Those that have been trained, by name, each with its weights.

    With them a guidance expert named `one-range`, where there is one.
    """
    folders = {
        f"labelled {folder.parent.name}": folder
        for folder in sorted((runs / LabelledTraining.family).glob("*/module"))
    }
    if (plain := runs / GuidanceTraining.family / ONE_RANGE / "module").exists():
        folders[ONE_RANGE] = plain
    return {
        name: (_weights(folder), load_likelihood(open_companion(name, folder), machine))
        for name, folder in folders.items()
    }


def _weights(folder: Path) -> Path:
    """What tells one training's outcome from another's."""
    adapters = folder / ADAPTERS
    return adapters if adapters.exists() else folder / MODEL_WEIGHTS
