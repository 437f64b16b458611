"""Train a model that looks at clean renders of the Playground, a stock one of transformers."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from training.budget import RUNS, Budget, log
from training.folders import MODELS
from training.judge.data import weathered
from training.onlookers import write
from training.pictures import to_bytes
from training.precision import halved
from training.trainer import Trainer
from training.world import SIZE, MaskClass, Pictures, draw

CHUNK = 64


@dataclass(frozen=True)
class Task:
    """What an onlooker is to say of a picture.

    Attributes:
        name: its run, its draw and its folder among the models.
        seed: of its first weights and of every step.
        widths: channels of the network's stages, unless the settings say others.
        purpose: what it does, to finish the sentence "… that".
        pipeline: what the hub calls such a model.
        measure: what the score is called.
        palette: the colours that stand for its classes in masks, where it is asked for one.
        answer: what its network calls what it says.
        untrained: the network with random weights, of given widths.
        told: what is known of renders: int64 [n], or a map [n, h, w], of classes or of numbers.
        loss: of answers about what is known.
        score: of answers about what is known, at most 1.
    """

    name: str
    seed: int
    widths: tuple[int, ...]
    purpose: str
    pipeline: str
    measure: str
    untrained: Callable[[tuple[int, ...]], Any]
    told: Callable[[Pictures], Tensor]
    loss: Callable[[Tensor, Tensor], Tensor]
    score: Callable[[Tensor, Tensor], float]
    palette: tuple[MaskClass, ...] = ()
    answer: str = "logits"

    @property
    def held_out(self) -> str:
        """The draw that measures it."""
        return f"{self.name} held out"


@dataclass(frozen=True)
class Settings:
    """How an onlooker is trained.

    Attributes:
        pictures: renders that are learned from.
        held_out: renders of another draw that measure it.
        batch: pictures a step.
        lr: peak learning rate.
        ema: decay of the shipped average.
        decay: share of the budget over which the rate falls to zero.
        widths: channels of the network's stages; those of the task where there are none.
        validate_minutes: how often the score is measured and the checkpoint written.
    """

    pictures: int = 5000
    held_out: int = 500
    batch: int = 48
    lr: float = 2e-3
    ema: float = 0.99
    decay: float = 0.6
    widths: tuple[int, ...] = ()
    validate_minutes: float = 1.0


@dataclass(frozen=True)
class Renders:
    """Clean pictures, uint8 [n, 3, 128, 128], with what is known of each."""

    pictures: Tensor
    told: Tensor

    @classmethod
    def of(cls, task: Task, name: str, count: int) -> "Renders":
        """The first pictures of a draw."""
        blocks = [draw(name, at, min(CHUNK, count - at)) for at in range(0, count, CHUNK)]
        return cls(
            torch.cat([to_bytes(block.picture) for block in blocks]),
            torch.cat([task.told(block) for block in blocks]),
        )


@dataclass
class OnlookerTraining:
    """The network, its renders and its trainer; resumable bit for bit."""

    task: Task
    settings: Settings = field(default_factory=Settings)
    runs: Path = RUNS
    family: ClassVar[str] = ""
    """The folder of its runs."""

    def __post_init__(self) -> None:
        """Render, and go on from the checkpoint if there is one."""
        settings, task = self.settings, self.task
        self.run = self.runs / self.family / task.name
        torch.manual_seed(task.seed)
        network = self.untrained()
        self.network = network.to(memory_format=torch.channels_last)
        self.learned = Renders.of(task, task.name, settings.pictures)
        self.held_out = Renders.of(task, task.held_out, settings.held_out)
        self.trainer = Trainer(
            self.network,
            self.run / "state.pt",
            lr=settings.lr,
            ema=settings.ema,
            decay=settings.decay,
        )
        self.trainer.resume()

    def untrained(self) -> Any:
        """The network before its first step."""
        return self.task.untrained(self.settings.widths or self.task.widths)

    def shown(self, chosen: Tensor, generator: torch.Generator) -> Tensor:
        """Some of what is learned from, as the network is shown it, in [0, 1]."""
        return weathered(self.learned.pictures[chosen].float() / 255, generator)

    def advance(self, progress: float) -> float:
        """Do one step; its randomness depends on the step's number alone.

        Raises:
            FloatingPointError: the loss is not finite.
        """
        generator = torch.Generator().manual_seed(self.task.seed * 10**9 + self.trainer.step)
        count = self.settings.batch
        chosen = torch.randint(len(self.learned.told), (count,), generator=generator)
        seen = self.shown(chosen, generator)
        mirrored = torch.rand(count, generator=generator) < 0.5
        seen, told = (_turned(each, mirrored) for each in (seen, self.learned.told[chosen]))
        self.network.train()
        with halved("cpu"):
            answers = self._answers(seen)
        self.trainer.examples += count
        return self.trainer.apply(self.task.loss(answers.float(), told), progress)

    @torch.no_grad()
    def score(self) -> float:
        """What the averaged weights score on held-out renders."""
        self.network.eval()
        self.trainer.ema.swap()
        answers = [self._answers(part) for part in self.examined()]
        self.trainer.ema.swap()
        return self.task.score(torch.cat(answers), self.held_out.told)

    def examined(self) -> Iterator[Tensor]:
        """The held-out renders as the network is shown them, in [0, 1], a chunk at a time."""
        for part in self.held_out.pictures.split(CHUNK):
            yield part.float() / 255

    def _answers(self, pictures: Tensor) -> Tensor:
        """What the network says of pictures in [0, 1]."""
        return getattr(self.network(_normal(pictures)), self.task.answer)

    def report(self, loss: float, minutes: float) -> dict[str, float]:
        """Measure, write the checkpoint and a line of the log."""
        entry = {"step": self.trainer.step, "loss": loss, "score": self.score()}
        self.trainer.save()
        log(self.run / "log.jsonl", **entry, minutes=round(minutes, 2))
        print(json.dumps(entry), flush=True)
        return entry

    def write(self, folder: Path) -> None:
        """Write the averaged weights as transformers does; what lay there is replaced whole."""
        facts = {
            "score": self.score(),
            "steps": self.trainer.step,
            "examples": self.trainer.examples,
            "settings": asdict(self.settings),
        }
        self.trainer.ema.swap()
        write(self.network, self.task, SIZE, facts, folder)
        self.trainer.ema.swap()
        print(f"wrote {folder}", flush=True)


def _normal(pictures: Tensor) -> Tensor:
    """Pictures in [0, 1] as the network sees them: between −1 and 1."""
    return (pictures * 2 - 1).contiguous(memory_format=torch.channels_last)


def _turned(rows: Tensor, mirrored: Tensor) -> Tensor:
    """Some rows mirrored; what is no map stays as it is."""
    if rows.ndim == 1:
        return rows
    return torch.where(mirrored.view(-1, *(1,) * (rows.ndim - 1)), rows.flip(-1), rows)


def train(
    task: Task,
    settings: Settings,
    steps: int | None,
    minutes: float | None,
    *,
    runs: Path = RUNS,
    models: Path = MODELS,
    ship: bool = False,
) -> None:
    """Train for a budget, from the checkpoint if there is one.

    The folder is written into the run, and with `ship` among the models as well.

    Raises:
        SystemExit: the loss is not finite; the last good checkpoint stands.
    """
    training = OnlookerTraining(task, settings, runs)
    learn(training, Budget(steps, minutes))
    if ship:
        training.write(models / task.name)


def learn(training: OnlookerTraining, budget: Budget) -> None:
    """Train within a budget, and write the folder into the run.

    Raises:
        SystemExit: the loss is not finite; the last good checkpoint stands.
    """
    torch.set_num_threads(1)
    last, loss = 0.0, math.nan
    try:
        for progress, bar in budget.ticks(training.task.name):
            loss = training.advance(progress)
            if budget.elapsed - last > 60 * training.settings.validate_minutes:
                last = budget.elapsed
                bar.set_postfix(training.report(loss, budget.elapsed / 60))
    except FloatingPointError as error:
        raise SystemExit(f"{error} The last good checkpoint is kept; try a lower --lr.") from None
    training.report(loss, budget.elapsed / 60)
    training.write(training.run / "module")
