"""Train a modulator: a small module that bends a frozen expert by maps it has never known."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from graph.companions import MAPS
from graph.errors import ChoraleError
from graph.interfaces import Expert
from graph.levels import NoiseLevel
from graph.library import Library
from graph.modulators.unet import UNet, untrained
from graph.parametrisation import Native, answer
from graph.pictures import fit
from graph.runtime import Runtime
from training.budget import RUNS, Budget, log
from training.modules import Facts, agree, write
from training.objectives import stratified
from training.pairs import Material, Pair, drawn, of_folder
from training.trainer import Trainer

SEED = 7


@dataclass(frozen=True)
class Settings:
    """How a modulator is trained.

    Attributes:
        batch: states a step.
        levels: noise levels at which each picture of a step is shown, one from each of as many
            equal parts of the range.
        lr: peak learning rate.
        ema: decay of the shipped average.
        decay: share of the budget over which the rate falls to zero.
        drop: probability that a map is absent, for each map by itself.
        views: how many examples a pair gives: itself, mirrored, and random parts of both.
        silence: probability that the base is asked without its own condition.
        widths: channels of the network's levels.
        validate_minutes: how often the held-out loss is measured and the checkpoint written.
    """

    batch: int = 32
    levels: int = 4
    lr: float = 2e-3
    ema: float = 0.995
    decay: float = 0.5
    drop: float = 0.3
    views: int = 8
    silence: float = 0.12
    widths: tuple[int, ...] = (32, 32, 64, 128)
    validate_minutes: float = 1.0


class TooFewError(ValueError):
    """A folder has too few usable pairs; `left_out` lists the others."""

    def __init__(self, message: str, left_out: list[str]) -> None:
        super().__init__("\n  ".join([message, *left_out]))
        self.message, self.left_out = message, left_out


@dataclass(frozen=True)
class Task:
    """What is trained on what: on `pairs` of the task's own draw, or on those of a folder."""

    name: str
    base: str = "playground/unconditional"
    maps: tuple[str, ...] = MAPS
    pairs: int = 200
    folder: Path | None = None

    @property
    def held_out(self) -> int:
        """How many pairs of a draw measure what is learned from the others."""
        return max(1, min(64, self.pairs // 4))

    def material(self) -> tuple[Material, Material]:
        """What is learned from, and what measures it: another draw, or a tenth of the folder.

        Raises:
            ValueError: there are too few pairs.
        """
        if self.folder is None:
            named = f"modulator {self.name}"
            apart = drawn(f"{named} held out", self.maps, self.held_out)
            return drawn(named, self.maps, self.pairs), apart
        whole = of_folder(self.folder, self.maps)
        if len(whole.pairs) < 2:
            count = len(whole.pairs)
            raise TooFewError(
                f"'{self.folder.name}' has {count} usable pair{'s' * (count != 1)}, "
                "expected 2 or more.",
                whole.left_out,
            )
        apart = max(1, len(whole.pairs) // 10)
        learned = whole.pairs[:-apart][: self.pairs]
        held_out = Material(whole.pairs[-apart:], whole.palette, [])
        return Material(learned, whole.palette, whole.left_out, whole.sizes), held_out


@dataclass
class Examples:
    """Pairs as tensors: clean states, maps by kind [n, c, h, w], the base's encoded conditions."""

    states: Tensor
    maps: dict[str, Tensor]
    conditions: list[Any]

    def told(self, chosen: Tensor, present: dict[str, Tensor]) -> Tensor:
        """The maps of the chosen [n] as a modulator sees them, [n, m, h, w]; absent ones zero."""
        marks = {kind: keep.to(self.states)[:, None, None, None] for kind, keep in present.items()}
        size = (-1, 1, *self.states.shape[2:])
        shown = [self.maps[kind][chosen] * mark for kind, mark in marks.items()]
        return torch.cat([*shown, *(mark.expand(size) for mark in marks.values())], 1)


@torch.no_grad()
def encoded(pairs: list[Pair], base: Expert, condition: str, module: UNet) -> Examples:
    """Pictures and maps through the base's own autoencoder, as the loop will show them.

    Raises:
        ValueError: the base has no autoencoder.
    """
    if base.codec is None or base.canvas is None:
        raise ValueError("A modulator is trained on an expert that has an autoencoder.")
    states = [base.codec.encode([fit(pair.picture, base.canvas)]) for pair in pairs]
    maps = {
        kind: torch.stack([module.reader(kind).encode(pair.maps[kind]) for pair in pairs]).float()
        for kind in pairs[0].maps
    }
    asked = [base.encode(pair.condition(condition)) for pair in pairs]
    return Examples(torch.cat(states).float(), maps, asked)


class ModulatorTraining:
    """A frozen base, the modulator that learns to bend it, and its examples.

    `material` is that of the task, where it has been made already.
    """

    def __init__(
        self,
        task: Task,
        settings: Settings,
        models: Path,
        runs: Path = RUNS,
        material: tuple[Material, Material] | None = None,
    ) -> None:
        self.task, self.settings = task, settings
        self.run = runs / "modulators" / task.name
        runtime = Runtime(Library(models, runs / "assets"))
        self.model = runtime.library.model(task.base)
        _, self.base = runtime.expert(task.base)
        learned, held_out = material or task.material()
        self.left_out = learned.left_out
        self.module = self._untrained(learned, runtime.machine.device)
        self.trainer = Trainer(
            self.module.network,
            self.run / "state.pt",
            lr=settings.lr,
            ema=settings.ema,
            decay=settings.decay,
        )
        self.facts = Facts.of(self.model, task.base, task.maps, learned, asdict(settings))
        agree(self.run / "facts.json", self.facts)
        self.trainer.resume()
        condition = self.model.card.condition
        views = torch.Generator().manual_seed(SEED)
        shown = [view for pair in learned.pairs for view in pair.views(settings.views, views)]
        self.examples = encoded(shown, self.base, condition, self.module)
        self.held_out = encoded(held_out.pairs, self.base, condition, self.module)
        with torch.no_grad():
            self.null = self.base.encode(None)

    def _untrained(self, learned: Material, where: torch.device) -> UNet:
        codec, shape = self.base.codec, self.model.space.shape
        if codec is None:
            raise ValueError(f"'{self.task.base}' has no autoencoder to read maps with.")
        torch.manual_seed(SEED)
        kinds, size = self.task.maps, (shape[0], shape[1], shape[2])
        network = untrained(size, len(kinds), codec.channels, self.settings.widths).eval()
        return UNet(network.to(where), kinds, size, learned.palette, codec)

    def advance(self, progress: float) -> float:
        """Do one step; its randomness depends on the step's number alone.

        Raises:
            FloatingPointError: the loss is not finite.
        """
        generator = torch.Generator().manual_seed(SEED * 10**9 + self.trainer.step)
        settings, examples = self.settings, self.examples
        count = settings.batch // settings.levels
        chosen = torch.randint(len(examples.states), (count,), generator=generator)
        present = {
            kind: torch.rand(count, generator=generator) >= settings.drop for kind in self.task.maps
        }
        silent = torch.rand(count, generator=generator) < settings.silence
        asked = [
            self.null if quiet and self.base.has_null else examples.conditions[i]
            for i, quiet in zip(chosen.tolist(), silent.tolist(), strict=True)
        ]
        noises = stratified(settings.levels, generator).tolist()
        loss, _ = self.losses(examples, chosen, present, asked, noises, generator)
        self.trainer.examples += count
        return self.trainer.apply(loss, progress)

    def losses(
        self,
        examples: Examples,
        chosen: Tensor,
        present: dict[str, Tensor],
        asked: list[Any],
        noises: list[float],
        generator: torch.Generator,
    ) -> tuple[Tensor, Tensor]:
        """Mean squared errors of v at these levels: of the modulated prediction, and the base's.

        No gradient leads through the base.
        """
        x0 = examples.states[chosen]
        states, predicted, targets = list[Tensor](), list[Tensor](), list[Tensor]()
        for noise in noises:
            level = NoiseLevel.from_noise(max(noise, 1e-3))
            drawn_noise = torch.randn(x0.shape, generator=generator).to(x0)
            x = level.alpha * x0 + level.sigma * drawn_noise
            with torch.no_grad():
                clean = self.base.denoise(x, level, asked)
            native = Native(level.alpha, level.sigma, level.noise)
            states.append(x)
            predicted.append(answer("v", clean, x, native))
            targets.append(level.alpha * drawn_noise - level.sigma * x0)
        at = torch.tensor(noises).clamp_min(1e-3).repeat_interleave(len(x0)).to(x0)
        told = examples.told(chosen, present).repeat(len(noises), 1, 1, 1)
        velocity, target = torch.cat(predicted), torch.cat(targets)
        change = self.module.changes(torch.cat(states), velocity, at, told)
        return F.mse_loss(velocity + change, target), F.mse_loss(velocity, target)

    @torch.no_grad()
    def validate(self) -> tuple[float, float]:
        """Losses on the held-out pairs with all maps, of the average and of the base alone."""
        everything = torch.arange(len(self.held_out.states))
        present = {kind: torch.ones(len(everything), dtype=torch.bool) for kind in self.task.maps}
        noises = [(place + 0.5) / 8 for place in range(8)]
        generator = torch.Generator().manual_seed(99)
        self.trainer.ema.swap()
        bent, plain = self.losses(
            self.held_out, everything, present, self.held_out.conditions, noises, generator
        )
        self.trainer.ema.swap()
        return float(bent), float(plain)

    def report(self, loss: float | None, minutes: float) -> dict[str, Any]:
        """Validate, write the checkpoint and a line of the log.

        Raises:
            FloatingPointError: the held-out loss is not finite; the last checkpoint stands.
        """
        bent, plain = self.validate()
        if not math.isfinite(bent):
            raise FloatingPointError(f"The held-out loss is {bent} at step {self.trainer.step}.")
        entry = {"step": self.trainer.step, "loss": loss, "held_out": bent, "base": plain}
        self.trainer.save()
        log(self.run / "log.jsonl", **entry, minutes=round(minutes, 4))
        return entry

    def write(self, *folders: Path) -> dict[str, float]:
        """Write the averaged weights as a modulator's folders; what lay there is replaced whole.

        Returns how many steps it took, and the losses on the held-out pairs.
        """
        bent, plain = self.validate()
        self.trainer.ema.swap()
        scores = {"steps": self.trainer.step, "held_out": bent, "base": plain}
        for folder in folders:
            write(self.module.network, self.facts, scores, folder)
        self.trainer.ema.swap()
        return scores


def train(
    task: Task,
    settings: Settings,
    steps: int | None,
    minutes: float | None,
    *,
    models: Path,
    runs: Path = RUNS,
    ship: bool = False,
) -> None:
    """Train a modulator for a budget, from its checkpoint if there is one.

    Its folder is written into the run, and with `ship` among the models as well.

    Raises:
        SystemExit: what is wrong, in a sentence; the last good checkpoint stands.
    """
    torch.set_num_threads(1)
    try:
        training = ModulatorTraining(task, settings, models, runs)
        for each in training.left_out:
            print(f"left out {each}", flush=True)
        _run(training, Budget(steps, minutes))
        shipped = [models / "playground" / f"modulator-{task.name}"] if ship else []
        training.write(training.run / "module", *shipped)
        print("wrote", training.run / "module", *shipped, flush=True)
    except FloatingPointError as error:
        raise SystemExit(f"{error} The last good checkpoint is kept; try a lower --lr.") from None
    except OSError as error:
        raise SystemExit(f"{error}. What was written before is whole.") from None
    except (ValueError, ChoraleError) as error:
        raise SystemExit(str(error)) from None


def _run(training: ModulatorTraining, budget: Budget) -> None:
    last, loss = 0.0, math.nan
    for progress, bar in budget.ticks(training.task.name):
        loss = training.advance(progress)
        if budget.elapsed - last > 60 * training.settings.validate_minutes:
            last = budget.elapsed
            entry = training.report(loss, budget.elapsed / 60)
            print(entry, flush=True)
            bar.set_postfix(entry)
    print(training.report(loss, budget.elapsed / 60), flush=True)
