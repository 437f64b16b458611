"""Train a modulator: a small module that bends a frozen expert by maps it has never known."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from graph.companions import USUAL_MAPS
from graph.interfaces import Expert
from graph.levels import NoiseLevel
from graph.library import Library
from graph.modulators.unet import UNet, untrained
from graph.parametrisation import Native, answer
from graph.pictures import fit
from graph.planes import Mapped
from graph.runtime import Runtime
from graph.shelves import Folders
from training.budget import RUNS, Budget, log
from training.modules import Facts, agree, write
from training.objectives import stratified
from training.pairs import Material, Pair, drawn, of_folder
from training.precision import halved
from training.running import advance, in_sentences
from training.trainer import Trainer

SEED = 7
COLOURS = {1: "L", 3: "RGB"}
"""Kinds of picture by the channels of a state that is one."""
BLOCK = 16
"""Steps that learn from one lot of the base's predictions."""


@dataclass(frozen=True)
class Settings:
    """How a modulator is trained.

    Attributes:
        batch: states a step.
        levels: noise levels that as many states are spread over; states of one level are asked
            of the base together.
        reuse: how often what the base predicts of a state is learned from, under other maps.
        even: how far small regions count as much as large ones: the loss at a place is weighed by
            the share of the mask that its class has, to the power of −even.
        lr: peak learning rate.
        ema: decay of the shipped average.
        decay: share of the budget over which the rate falls to zero.
        drop: probability that a map is absent, for each map by itself.
        loose: share of the examples whose maps are softer, coarser or told in part.
        views: how many examples a pair gives: itself, mirrored, and random parts of both.
        silence: probability that the base is asked without its own condition.
        widths: channels of the network's levels.
        validate_minutes: how often the held-out loss is measured and the checkpoint written.
    """

    batch: int = 32
    levels: int = 4
    reuse: int = 2
    even: float = 0.5
    lr: float = 2e-3
    ema: float = 0.995
    decay: float = 0.5
    drop: float = 0.3
    loose: float = 0.0
    views: int = 8
    silence: float = 0.12
    widths: tuple[int, ...] = (32, 32, 64, 120)
    validate_minutes: float = 1.0


class TooFewError(ValueError):
    """A folder has too few usable pairs; `left_out` lists the others."""

    def __init__(self, message: str, left_out: list[str]) -> None:
        super().__init__("\n  ".join([message, *left_out]))
        self.message, self.left_out = message, left_out


@dataclass(frozen=True)
class Task:
    """What is trained on what: on `pairs` of a draw, its own unless named, or of a folder."""

    name: str
    base: str = "playground/unconditional"
    maps: tuple[str, ...] = USUAL_MAPS
    pairs: int = 200
    folder: Path | None = None
    draw: str = ""

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
            named = f"modulator {self.draw or self.name}"
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
    """Pairs as tensors: clean states, maps by kind [n, c, h, w], the base's encoded conditions.

    `marks` [n, 1, h, w] says how far a map is told at a place, by kind, where it is shown, and
    `weights` [n, 1, h, w] says how much a place counts where the mask is shown; its mean is one.
    """

    states: Tensor
    maps: dict[str, Tensor]
    marks: dict[str, Tensor]
    conditions: list[Any]
    weights: Tensor

    def told(self, chosen: Tensor, present: dict[str, Tensor]) -> Tensor:
        """The maps of the chosen [n] as a modulator sees them, [n, m, h, w]; absent ones zero."""
        keep = {kind: mine.to(self.states)[:, None, None, None] for kind, mine in present.items()}
        shown = [self.maps[kind][chosen] * mine for kind, mine in keep.items()]
        marks = [self.marks[kind][chosen] * mine for kind, mine in keep.items()]
        return torch.cat([*shown, *marks], 1)

    def weighed(self, chosen: Tensor, present: dict[str, Tensor]) -> Tensor:
        """How much every place of the chosen counts, [n, 1, h, w].

        The weight depends on the mask alone. Where that is told, it moves no minimum of the loss:
        what is to be predicted there is the mean given the mask, whatever it counts.
        """
        weights = self.weights[chosen]
        told = present.get("mask")
        return weights if told is None else torch.where(told[:, None, None, None], weights, 1.0)


@dataclass(frozen=True)
class Shown:
    """States that the base has been asked about, of the examples `chosen` [n].

    `x`, its prediction `velocity` and the true `target` are [n, c, h, w], `noise` [n] the levels.
    """

    chosen: Tensor
    x: Tensor
    velocity: Tensor
    target: Tensor
    noise: Tensor

    def at(self, rows: Tensor) -> "Shown":
        """Some of them."""
        parts = (self.chosen, self.x, self.velocity, self.target, self.noise)
        return Shown(*(part[rows] for part in parts))


def joined(lots: list[Shown]) -> Shown:
    """Several as one."""
    parts = ("chosen", "x", "velocity", "target", "noise")
    return Shown(*(torch.cat([getattr(lot, part) for lot in lots]) for part in parts))


def _shown(learned: Material, settings: Settings) -> Iterator[Pair]:
    """The views of every pair, some with looser maps."""
    views, hands = (torch.Generator().manual_seed(seed) for seed in (SEED, SEED + 1))
    for pair in learned.pairs:
        for view in pair.views(settings.views, views):
            loose = float(torch.rand((), generator=hands)) < settings.loose
            yield view.loosened(hands) if loose else view


@torch.no_grad()
def encoded(
    pairs: list[Pair], base: Expert, condition: str, module: Mapped, even: float = 0.0
) -> Examples:
    """Pictures as states of the base, maps as planes, as the loop will show them.

    Raises:
        ValueError: the states of the base are neither latents nor pictures.
    """
    states = [_state(pair.picture, base, module.shape) for pair in pairs]
    maps = {
        kind: torch.stack([module.reader(kind).encode(pair.maps[kind]).half() for pair in pairs])
        for kind in pairs[0].maps
    }
    asked = [base.encode(pair.condition(condition)) for pair in pairs]
    whole = torch.cat(states).float()
    weights = torch.ones_like(whole[:, :1])
    if "mask" in maps and module.palette:
        weights = balanced(maps["mask"].float(), len(module.palette), even)
    marks = {kind: module.mark(kind, told.float()) for kind, told in maps.items()}
    return Examples(whole, maps, marks, asked, weights)


def _state(picture: Image.Image, base: Expert, shape: tuple[int, int, int]) -> Tensor:
    """A picture as a state [1, *shape]: through the autoencoder of the base, or as it is, −1 to 1.

    ValueError for states that are neither latents nor pictures, grey or in colours.
    """
    channels, height, width = shape
    fitted = fit(picture, base.canvas or (width, height))
    if base.codec is not None:
        return base.codec.encode([fitted])
    if channels not in COLOURS:
        raise ValueError(
            f"The base has no autoencoder, and its state of {channels} channels is no picture."
        )
    rows = np.array(fitted.convert(COLOURS[channels]), dtype=np.float32)
    return torch.from_numpy(rows / 127.5 - 1.0).reshape(1, height, width, channels).movedim(-1, 1)


def balanced(masks: Tensor, classes: int, even: float) -> Tensor:
    """Weights [n, 1, h, w] of mean one, that fall with a class' share of a mask's [n, c, h, w].

    Each place weighs the mean of share**−even over what lies in it, and one for what is not told.
    """
    shares = masks.unflatten(1, (classes, -1)).mean(2)
    whole = shares.mean((2, 3), keepdim=True)
    weights = (shares * whole.clamp_min(1e-6) ** -even).sum(1, keepdim=True)
    told = shares.sum(1, keepdim=True)
    mean, part = (each.mean((1, 2, 3), keepdim=True) for each in (weights, told))
    return weights * (part / mean.clamp_min(1e-6)) + (1.0 - told)


class ModulatorTraining:
    """A frozen base, the modulator that learns to bend it, and its examples.

    `material` is that of the task, where it has been made already.
    """

    family: ClassVar[str] = "modulators"
    """The folder of its runs."""
    needs_base: ClassVar[bool] = True
    """Whether it learns from what the base predicts."""

    def __init__(
        self,
        task: Task,
        settings: Settings,
        models: Folders,
        runs: Path = RUNS,
        material: tuple[Material, Material] | None = None,
    ) -> None:
        self.task, self.settings = task, settings
        self.run = runs / self.family / task.name
        runtime = Runtime(Library(models, runs / "assets"))
        self.model = runtime.library.model(task.base)
        _, self.base = runtime.expert(task.base)
        learned, held_out = material or task.material()
        self.left_out = learned.left_out
        self.module = self.untrained(learned, runtime.machine.device)
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
        self.examples = encoded(
            list(_shown(learned, settings)), self.base, condition, self.module, settings.even
        )
        self.held_out = encoded(held_out.pairs, self.base, condition, self.module)
        with torch.no_grad():
            self.null = self.base.encode(None)
        self._lot: tuple[int, Shown, Tensor] | None = None

    def untrained(self, learned: Material, where: torch.device) -> Mapped:
        """What is trained, before its first step."""
        shape, factor = self.model.space.shape, self.model.space.scale
        torch.manual_seed(SEED)
        kinds, size, palette = self.task.maps, (shape[0], shape[1], shape[2]), learned.palette
        network = untrained(size, kinds, factor, palette, self.settings.widths).eval()
        return UNet(network.to(where), kinds, size, palette, factor)

    def advance(self, progress: float) -> float:
        """Do one step; its randomness depends on the step's number alone.

        Raises:
            FloatingPointError: the loss is not finite.
        """
        settings, step = self.settings, self.trainer.step
        generator = torch.Generator().manual_seed(SEED * 10**9 + step)
        shown = self._shown(step)
        present = {
            kind: torch.rand(len(shown.x), generator=generator) >= settings.drop
            for kind in self.task.maps
        }
        weights = self.examples.weighed(shown.chosen, present)
        loss, _ = self.losses(shown, self.examples, present, weights)
        self.trainer.examples += len(shown.x)
        return self.trainer.apply(loss, progress)

    def _shown(self, step: int) -> Shown:
        """A step's share of its block's lot, which is passed through `reuse` times, shuffled."""
        block, place = divmod(step, BLOCK)
        if self._lot is None or self._lot[0] != block:
            generator = torch.Generator().manual_seed((SEED + 1) * 10**9 + block)
            lot = self._lot_of(generator)
            times = range(self.settings.reuse)
            order = [torch.randperm(len(lot.x), generator=generator) for _ in times]
            self._lot = block, lot, torch.cat(order)
        _, lot, order = self._lot
        return lot.at(order[place * self.settings.batch :][: self.settings.batch])

    def _lot_of(self, generator: torch.Generator) -> Shown:
        settings, examples = self.settings, self.examples
        levels = max(1, BLOCK * settings.levels // settings.reuse)
        count = settings.batch // settings.levels
        chosen = torch.randint(len(examples.states), (levels, count), generator=generator)
        silent = torch.rand((levels, count), generator=generator) < settings.silence
        noises = stratified(levels, generator).tolist()
        lots = [
            self.shown(
                examples,
                mine,
                [
                    self.null if mute and self.base.has_null else examples.conditions[i]
                    for i, mute in zip(mine.tolist(), quiet.tolist(), strict=True)
                ],
                noise,
                generator,
                ask=self.needs_base,
            )
            for mine, quiet, noise in zip(chosen, silent, noises, strict=True)
        ]
        return joined(lots)

    @torch.no_grad()
    def shown(
        self,
        examples: Examples,
        chosen: Tensor,
        asked: list[Any],
        noise: float,
        generator: torch.Generator,
        *,
        ask: bool = True,
    ) -> Shown:
        """The chosen examples with noise, and what the base predicts of them; zero, unasked."""
        x0 = examples.states[chosen]
        level = NoiseLevel.from_noise(max(noise, 1e-3))
        drawn_noise = torch.randn(x0.shape, generator=generator).to(x0)
        x = level.alpha * x0 + level.sigma * drawn_noise
        velocity = torch.zeros_like(x)
        if ask:
            with halved(x.device.type):
                clean = self.base.denoise(x, level, asked).to(x)
            velocity = answer("v", clean, x, Native(level.alpha, level.sigma, level.noise))
        target = level.alpha * drawn_noise - level.sigma * x0
        return Shown(chosen, x, velocity, target, torch.full((len(x),), level.noise).to(x))

    def losses(
        self,
        shown: Shown,
        examples: Examples,
        present: dict[str, Tensor],
        weights: Tensor | float = 1.0,
    ) -> tuple[Tensor, Tensor]:
        """Mean squared errors of v, weighed: of the modulated prediction, and the base's.

        No gradient leads through the base.
        """
        told = examples.told(shown.chosen, present)
        with halved(told.device.type):
            change = self.module.changes(shown.x, shown.velocity, shown.noise, told)
        bent = shown.velocity + change.float() - shown.target
        plain = shown.velocity - shown.target
        return (weights * bent.square()).mean(), (weights * plain.square()).mean()

    @torch.no_grad()
    def validate(self) -> tuple[float, float]:
        """Losses on the held-out pairs with all maps, of the average and of the base alone."""
        held_out, generator = self.held_out, torch.Generator().manual_seed(99)
        everything = torch.arange(len(held_out.states))
        lots = [
            self.shown(held_out, everything, held_out.conditions, (place + 0.5) / 8, generator)
            for place in range(8)
        ]
        shown = joined(lots)
        present = {kind: torch.ones(len(shown.x), dtype=torch.bool) for kind in self.task.maps}
        self.trainer.ema.swap()
        bent, plain = self.losses(shown, held_out, present)
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
    with in_sentences():
        training = ModulatorTraining(task, settings, models, runs)
        for each in training.left_out:
            print(f"left out {each}", flush=True)
        advance(training, Budget(steps, minutes))
        shipped = [models / "playground" / f"modulator-{task.name}"] if ship else []
        training.write(training.run / "module", *shipped)
        print("wrote", training.run / "module", *shipped, flush=True)
