"""Train the Playground's classifier: a stock ResNet that tells scene kinds on clean renders."""

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import ResNetConfig, ResNetForImageClassification

from training.budget import RUNS, Budget, log
from training.classifiers import write
from training.folders import MODELS
from training.judge.data import weathered
from training.pictures import to_bytes
from training.trainer import Trainer
from training.world import SCENE_KINDS, SIZE, draw

TRAIN, TEST = "classifier", "classifier held out"
SEED = 41
CHUNK = 64


@dataclass(frozen=True)
class Settings:
    """How the classifier is trained.

    Attributes:
        pictures: renders that are learned from.
        held_out: renders of another draw that measure it.
        batch: pictures a step.
        lr: peak learning rate.
        ema: decay of the shipped average.
        decay: share of the budget over which the rate falls to zero.
        widths: channels of the network's stages.
        validate_minutes: how often the accuracy is measured and the checkpoint written.
    """

    pictures: int = 5000
    held_out: int = 500
    batch: int = 48
    lr: float = 2e-3
    ema: float = 0.99
    decay: float = 0.6
    widths: tuple[int, ...] = (32, 64, 128, 192)
    validate_minutes: float = 1.0


@dataclass(frozen=True)
class Renders:
    """Clean pictures, uint8 [n, 3, 128, 128], with the scene kind of each, int64 [n]."""

    pictures: Tensor
    kinds: Tensor

    @classmethod
    def of(cls, name: str, count: int) -> "Renders":
        """The first pictures of a draw."""
        blocks = [draw(name, at, min(CHUNK, count - at)) for at in range(0, count, CHUNK)]
        return cls(
            torch.cat([to_bytes(block.picture) for block in blocks]),
            torch.cat([block.scene_kind for block in blocks]),
        )


def untrained(widths: tuple[int, ...]) -> Any:
    """The network with random weights, a class for every scene kind."""
    config = ResNetConfig(
        embedding_size=widths[0],
        hidden_sizes=list(widths),
        depths=[1] * len(widths),
        layer_type="basic",
        id2label=dict(enumerate(SCENE_KINDS)),
        label2id={name: number for number, name in enumerate(SCENE_KINDS)},
    )
    network: Any = ResNetForImageClassification(config)
    return network.to(memory_format=torch.channels_last)


@dataclass
class ClassifierTraining:
    """The network, its renders and its trainer; resumable bit for bit."""

    settings: Settings = field(default_factory=Settings)
    runs: Path = RUNS

    def __post_init__(self) -> None:
        """Render, and go on from the checkpoint if there is one."""
        settings = self.settings
        self.run = self.runs / "classifier"
        torch.manual_seed(SEED)
        self.network = untrained(settings.widths)
        self.learned = Renders.of(TRAIN, settings.pictures)
        self.held_out = Renders.of(TEST, settings.held_out)
        self.trainer = Trainer(
            self.network,
            self.run / "state.pt",
            lr=settings.lr,
            ema=settings.ema,
            decay=settings.decay,
        )
        self.trainer.resume()

    def advance(self, progress: float) -> float:
        """Do one step; its randomness depends on the step's number alone.

        Raises:
            FloatingPointError: the loss is not finite.
        """
        generator = torch.Generator().manual_seed(SEED * 10**9 + self.trainer.step)
        count = self.settings.batch
        chosen = torch.randint(len(self.learned.kinds), (count,), generator=generator)
        seen = weathered(self.learned.pictures[chosen].float() / 255, generator)
        mirrored = torch.rand(count, generator=generator) < 0.5
        seen = torch.where(mirrored[:, None, None, None], seen.flip(-1), seen)
        self.network.train()
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.network(_normal(seen)).logits
        self.trainer.examples += count
        loss = F.cross_entropy(logits.float(), self.learned.kinds[chosen])
        return self.trainer.apply(loss, progress)

    @torch.no_grad()
    def accuracy(self) -> float:
        """The share of held-out renders whose kind the averaged weights tell."""
        self.network.eval()
        self.trainer.ema.swap()
        told = [
            self.network(_normal(part.float() / 255)).logits.argmax(1)
            for part in self.held_out.pictures.split(CHUNK)
        ]
        self.trainer.ema.swap()
        return float((torch.cat(told) == self.held_out.kinds).float().mean())

    def report(self, loss: float, minutes: float) -> dict[str, float]:
        """Measure, write the checkpoint and a line of the log."""
        entry = {"step": self.trainer.step, "loss": loss, "accuracy": self.accuracy()}
        self.trainer.save()
        log(self.run / "log.jsonl", **entry, minutes=round(minutes, 2))
        print(json.dumps(entry), flush=True)
        return entry

    def write(self, folder: Path) -> None:
        """Write the averaged weights as transformers does; what lay there is replaced whole."""
        facts = {
            "accuracy": self.accuracy(),
            "steps": self.trainer.step,
            "examples": self.trainer.examples,
            "settings": asdict(self.settings),
        }
        self.trainer.ema.swap()
        write(self.network, SIZE, facts, folder)
        self.trainer.ema.swap()
        print(f"wrote {folder}", flush=True)


def _normal(pictures: Tensor) -> Tensor:
    """Pictures in [0, 1] as the network sees them: between −1 and 1."""
    return (pictures * 2 - 1).contiguous(memory_format=torch.channels_last)


def train(
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
    torch.set_num_threads(1)
    training = ClassifierTraining(settings, runs)
    budget, last, loss = Budget(steps, minutes), 0.0, math.nan
    try:
        for progress, bar in budget.ticks("classifier"):
            loss = training.advance(progress)
            if budget.elapsed - last > 60 * settings.validate_minutes:
                last = budget.elapsed
                bar.set_postfix(training.report(loss, budget.elapsed / 60))
    except FloatingPointError as error:
        raise SystemExit(f"{error} The last good checkpoint is kept; try a lower --lr.") from None
    training.report(loss, budget.elapsed / 60)
    training.write(training.run / "module")
    if ship:
        training.write(models / "classifier")
