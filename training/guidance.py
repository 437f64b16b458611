"""Make a guidance expert: teach a model that knows clean pictures alone to look through noise."""

import copy
import json
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from safetensors.torch import save
from torch import Tensor, nn

from graph.companions import ADAPTERS, MODEL_WEIGHTS, guidance_card
from graph.folders import content_hash
from graph.guiding import picture
from graph.interfaces import Expert, Likelihood
from graph.levels import NoiseLevel
from graph.library import Library
from graph.low_rank import adapted, range_of, rank_within, untrained
from graph.onlookers import Onlooker
from graph.runtime import Runtime
from graph.samplers.dpmpp_2m import Dpmpp2M
from graph.schedules.log_snr import LogSnr
from graph.shelves import Folders
from training.budget import RUNS, Budget, load_checkpoint, log, save_atomically
from training.modules import agree
from training.precision import halved
from training.running import advance, in_sentences
from training.trainer import Trainer

SEED = 11
SPAN = (-7.0, 3.0)
"""The log-SNRs that are learned; the outer ranges go on beyond them.

Below, a state tells no picture from another, and above, a model sees one as if there were no noise.
"""
BLOCK, SIDE = 32, 128
"""Pictures that are painted or decoded at once, and the side of those that may be so many."""
KEPT = 2**28
"""Numbers that answers of a teacher may take in memory: 1 GiB."""


@dataclass(frozen=True)
class Settings:
    """How a guidance expert is made.

    Attributes:
        ranges: how many parts of the noise have an adapter of their own.
        share: what an adapter may have of the model's parameters.
        sees: what the model is shown: the decoded noisy state, or the expert's decoded estimate.
        samples: pictures of the expert that is to be guided, from which is learned.
        held_out: as many others measure it.
        steps: of the sampler that paints them.
        batch: pictures a step, the same number for every range.
        lr: peak learning rate.
        ema: decay of the average that is kept.
        decay: share of the budget over which the rate falls to zero.
        validate_minutes: how often it is measured and the checkpoint written.
    """

    ranges: int = 5
    share: float = 0.06
    sees: str = "state"
    samples: int = 384
    held_out: int = 32
    steps: int = 16
    batch: int = 20
    lr: float = 2e-3
    ema: float = 0.99
    decay: float = 0.6
    validate_minutes: float = 1.0

    @property
    def edges(self) -> tuple[float, ...]:
        """Where one range ends and the next begins: equal parts of the span."""
        low, high = SPAN
        return tuple(low + (high - low) * n / self.ranges for n in range(1, self.ranges))

    def stretch(self, number: int) -> tuple[float, float]:
        """The log-SNRs of one range that are learned, from the noisiest on."""
        bounds = (SPAN[0], *self.edges, SPAN[1])
        return bounds[number], bounds[number + 1]


Watch = Callable[[float, int], None]
"""Is told how many pictures, of how many, are painted; part of one is no whole number."""


def unwatched(done: float, of: int) -> None:
    """Nobody looks on."""


@dataclass(frozen=True)
class Task:
    """What is taught: `onlooker` to look at what `base` makes of noise."""

    name: str
    onlooker: str = "playground/classifier"
    base: str = "playground/unconditional"


@dataclass(frozen=True)
class Facts:
    """What a run stands on; it goes on only while these are the same.

    `data` says which pictures of the expert are learned from; with its weights they are given.
    """

    onlooker: str
    onlooker_hash: str
    base: str
    base_hash: str
    space_id: str
    rank: int
    edges: list[float]
    data: str
    settings: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """As JSON holds it."""
        return json.loads(json.dumps(asdict(self)))


def at_once(canvas: tuple[int, int]) -> int:
    """How many pictures of a size are painted or decoded at once: memory has to hold them."""
    width, height = canvas
    return max(1, min(BLOCK, BLOCK * SIDE**2 // (width * height)))


def noise(shape: tuple[int, ...], count: int, seed: int) -> Tensor:
    """Where paintings begin, [count, *shape]."""
    return torch.randn((count, *shape), generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def painted(
    base: Expert, x: Tensor, steps: int, watch: Callable[[float], None] | None = None
) -> Tensor:
    """Clean states that an expert paints of noise [n, *d], asked without a condition.

    `watch` is told after every step what share is done.
    """
    null = base.encode(None)

    def denoise(state: Tensor, level: NoiseLevel) -> Tensor:
        with halved(state.device.type):
            return base.denoise(state, level, [null] * len(state)).float()

    def draw() -> Tensor:
        return torch.zeros_like(x)

    for number, step in enumerate(Dpmpp2M()(denoise, x, LogSnr().levels(steps), draw), 1):
        x = step.x
        if watch is not None:
            watch(number / steps)
    return x


class Adapters(nn.Module):
    """The adapters of every range as parameters that learn, added up as `Adapted` adds them."""

    def __init__(self, parameters: dict[str, Tensor], edges: Sequence[float], rank: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(SEED)
        made = [untrained(parameters, rank, generator) for _ in range(len(edges) + 1)]
        self.frozen, self.edges = parameters, tuple(edges)
        self.names = list(made[0])
        self.parts = nn.ModuleList(
            nn.ParameterList(nn.Parameter(part) for part in each.values()) for each in made
        )

    def of(self, number: int) -> dict[str, Tensor]:
        """The adapter of one range."""
        parts: Any = self.parts[number]
        return dict(zip(self.names, parts, strict=True))

    def at(self, level: NoiseLevel) -> dict[str, Tensor]:
        """The parameters for a level; gradients lead to the adapter of its range."""
        return adapted(self.frozen, self.of(range_of(self.edges, level)))

    def stored(self) -> dict[str, Tensor]:
        """All of them, as a folder holds them."""
        return {
            f"{number}.{name}": part.detach().clone().contiguous()
            for number in range(len(self.parts))
            for name, part in self.of(number).items()
        }


class Teacher:
    """What the model, which is never taught, says of clean samples.

    Where there is room it is asked once for all, `at_once` so many; else whenever it is needed.
    """

    def __init__(self, samples: Tensor, look: Callable[[Tensor], Tensor], at_once: int) -> None:
        self._samples, self._look, self._at_once = samples, look, at_once
        first, *others = samples.split(at_once)
        told = look(first)
        room = told.numel() // len(first) * len(samples) <= KEPT
        self._kept = torch.cat([told, *map(look, others)]) if room else None

    def __getitem__(self, chosen: Any) -> Tensor:
        """Of the chosen, as a tensor is indexed."""
        if self._kept is not None:
            return self._kept[chosen]
        parts = self._samples[chosen].split(self._at_once)
        return torch.cat([self._look(part) for part in parts])


class GuidanceTraining:
    """A frozen expert, a frozen model that looks at its pictures, and the adapters that learn.

    `watch` is told while the expert paints what is learned from; what it raises ends the painting,
    and the blocks that are whole are kept.
    """

    family: ClassVar[str] = "guidances"
    """The folder of its runs."""

    def __init__(
        self,
        task: Task,
        settings: Settings,
        models: Folders,
        runs: Path = RUNS,
        watch: Watch = unwatched,
    ) -> None:
        self.task, self.settings = task, settings
        self.run = runs / self.family / task.name
        runtime = Runtime(Library(models, runs / "assets"))
        library = runtime.library
        self.model, self.companion = library.model(task.base), library.companion(task.onlooker)
        self.card, self.block = guidance_card(self.companion), at_once(self.model.canvas)
        if self.card.ranges is not None:
            raise ValueError(f"'{task.onlooker}' is a guidance expert already; choose its model.")
        _, self.base = runtime.expert(task.base)
        self.likelihood: Likelihood = runtime.likelihood(task.onlooker)
        self.network: Any = self.likelihood.onlooker.network  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
        self.parameters = dict(self.network.named_parameters())
        sizes = {name: part.shape for name, part in self.parameters.items()}
        self.rank = rank_within(sizes, settings.share)
        self.adapters = Adapters(self.parameters, settings.edges, self.rank)
        self.adapters.to(runtime.machine.device)
        self.student: Any = copy.copy(self.likelihood)
        self.student.onlooker = Onlooker(self.network, self.student.onlooker.sight, self.adapters)
        self.trainer = Trainer(
            self.adapters,
            self.run / "state.pt",
            lr=settings.lr,
            ema=settings.ema,
            decay=settings.decay,
        )
        self.facts = Facts(
            onlooker=task.onlooker,
            onlooker_hash=content_hash(self.companion.folder / MODEL_WEIGHTS),
            base=task.base,
            base_hash=self.model.hash,
            space_id=self.model.space.id,
            rank=self.rank,
            edges=list(settings.edges),
            data=f"{settings.samples} of seed {SEED}, {settings.steps} steps",
            settings=asdict(settings),
        )
        agree(self.run / "facts.json", self.facts)
        self.trainer.resume()
        samples = self._samples(runtime.like(), watch)
        self.learned, self.held_out = samples.split([settings.samples, settings.held_out])
        self.told = [
            Teacher(each, self._looked, self.block) for each in (self.learned, self.held_out)
        ]
        with torch.no_grad():
            self.null = self.base.encode(None)
        self._before: list[float] = []  # measured with the first look, which shows both the same

    def _samples(self, like: Tensor, watch: Watch) -> Tensor:
        """What the expert paints, made once for a run; every block is kept when it is whole."""
        path, settings, shape = self.run / "samples.pt", self.settings, self.model.space.shape
        count = settings.samples + settings.held_out
        kept = load_checkpoint(path)
        found: Tensor = torch.empty((0, *shape)).half() if kept is None else kept["samples"]
        for start in range(len(found), count, self.block):
            size = min(self.block, count - start)
            begun = noise(shape, size, SEED * 10**6 + start).to(like)

            def told(share: float, start: int = start, size: int = size) -> None:
                watch(start + share * size, count)

            made = painted(self.base, begun, settings.steps, told)
            found = torch.cat([found, made.half().cpu()])
            save_atomically({"samples": found}, path)
        return found.to(like)

    @torch.no_grad()
    def _looked(self, samples: Tensor) -> Tensor:
        """What the model says of clean samples."""
        return self.likelihood.read(picture(self.base.codec, samples))

    def advance(self, progress: float) -> float:
        """Do one step, every range at a level of its own; its randomness depends on its number.

        Raises:
            FloatingPointError: the loss is not finite.
        """
        generator = torch.Generator().manual_seed(SEED * 10**9 + self.trainer.step)
        settings = self.settings
        count = settings.batch // settings.ranges
        total = torch.zeros(())
        for number in range(settings.ranges):
            low, high = settings.stretch(number)
            log_snr = low + (high - low) * float(torch.rand((), generator=generator))
            chosen = torch.randint(len(self.learned), (count,), generator=generator)
            total = total + self._loss(
                self.student, log_snr, (self.learned, self.told[0]), chosen, generator
            )
        self.trainer.examples += count * settings.ranges
        return self.trainer.apply(total / settings.ranges, progress)

    def _loss(
        self,
        asked: Likelihood,
        log_snr: float,
        samples: tuple[Tensor, Teacher],
        chosen: Tensor,
        generator: torch.Generator,
    ) -> Tensor:
        """How far the student, or the model as it was, is from the teacher at a level."""
        level = NoiseLevel.from_log_snr(log_snr)
        states, told = (each[chosen] for each in samples)
        return self._away(asked, self.seen(states, level, generator), level, told)

    def _away(self, asked: Likelihood, seen: Tensor, level: NoiseLevel, told: Tensor) -> Tensor:
        """How far what it says of pictures is from what the teacher said."""
        with halved(seen.device.type):
            answer = asked.read(seen, level)
        return self.likelihood.divergence(answer.float(), told).mean()

    @torch.no_grad()
    def seen(self, states: Tensor, level: NoiseLevel, generator: torch.Generator) -> Tensor:
        """What the student is shown of clean states at a level: pictures between −1 and 1."""
        drawn = torch.randn(states.shape, generator=generator).to(states)
        x = level.alpha * states + level.sigma * drawn
        with halved(states.device.type):
            if self.settings.sees == "estimate":
                x = self.base.denoise(x, level, [self.null] * len(x)).float()
            return torch.cat([picture(self.base.codec, part) for part in x.split(self.block)])

    @torch.no_grad()
    def validate(self) -> tuple[list[float], list[float]]:
        """Losses on held-out samples by range, of the average and of the model as it was."""
        self.trainer.ema.swap()
        asked = (self.student,) if self._before else (self.student, self.likelihood)
        taught, *before = self._measured(asked)
        self.trainer.ema.swap()
        self._before = before[0] if before else self._before
        return taught, self._before

    @torch.no_grad()
    def _measured(self, asked: Sequence[Likelihood]) -> list[list[float]]:
        """Of each of those asked its losses by range, on the same pictures, which are dear."""
        states, told = self.held_out, self.told[1][torch.arange(len(self.held_out))]
        found: list[list[float]] = [[] for _ in asked]
        for number in range(self.settings.ranges):
            low, high = self.settings.stretch(number)
            generator = torch.Generator().manual_seed(99)
            levels = [NoiseLevel.from_log_snr(low + (high - low) * at) for at in (0.25, 0.75)]
            shown = [(self.seen(states, level, generator), level) for level in levels]
            for losses, each in zip(found, asked, strict=True):
                parts = [float(self._away(each, seen, level, told)) for seen, level in shown]
                losses.append(sum(parts) / len(parts))
        return found

    def report(self, loss: float | None, minutes: float) -> dict[str, Any]:
        """Validate, write the checkpoint and a line of the log.

        Raises:
            FloatingPointError: a held-out loss is not finite; the last checkpoint stands.
        """
        taught, plain = self.validate()
        if not all(map(math.isfinite, taught)):
            raise FloatingPointError(f"A held-out loss is no number at step {self.trainer.step}.")
        entry = {
            "step": self.trainer.step,
            "loss": loss,
            "held_out": sum(taught) / len(taught),
            "base": sum(plain) / len(plain),
            "by_range": [round(each, 4) for each in taught],
            "before": [round(each, 4) for each in plain],
        }
        self.trainer.save()
        log(self.run / "log.jsonl", **entry, minutes=round(minutes, 4))
        return entry

    def write(self, *folders: Path) -> dict[str, Any]:
        """Write the guidance expert's folders; what lay there is replaced whole.

        A range in which the model as it was comes nearer to the teacher keeps it: nothing is added.
        """
        taught, plain = self.validate()
        helped = [a < b for a, b in zip(taught, plain, strict=True)]
        best = [min(each) for each in zip(taught, plain, strict=True)]
        scores = {
            "steps": self.trainer.step,
            "held_out": sum(best) / len(best),
            "base": sum(plain) / len(plain),
            "by_range": best,
            "before": plain,
        }
        self.trainer.ema.swap()
        stored = {
            name: (part if helped[int(name.partition(".")[0])] else part * 0.0).half()
            for name, part in self.adapters.stored().items()
        }
        self.trainer.ema.swap()
        for folder in folders:
            self._write(folder, save(stored), scores)
        return scores

    def _write(self, folder: Path, adapters: bytes, scores: dict[str, Any]) -> None:
        """The model's own files with the adapters beside them, and what is known of both."""
        partial = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        for path in self.companion.folder.rglob("*"):
            if path.is_file():
                copied = partial / path.relative_to(self.companion.folder)
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copied)
        (partial / ADAPTERS).write_bytes(adapters)
        card = partial / "card.json"
        before = json.loads(card.read_text()) if card.is_file() else {}
        told = self.facts.as_json()
        ranges = {
            name: told[name] for name in ("edges", "rank", "base", "base_hash", "space_id")
        } | {"sees": self.settings.sees}
        made = {**before, "ranges": ranges, **told, "scores": scores}
        card.write_text(json.dumps(made, indent=2) + "\n")
        (partial / "README.md").write_text(self._read_me(scores))
        shutil.rmtree(folder, ignore_errors=True)
        partial.replace(folder)

    def _read_me(self, scores: dict[str, Any]) -> str:
        whole = sum(part.numel() for part in self.parameters.values())
        share = sum(part.numel() for part in self.adapters.of(0).values()) / whole
        bounds = ["−∞", *(f"{edge:g}" for edge in self.settings.edges), "∞"]
        rows = "\n".join(
            f"| {bounds[n]} to {bounds[n + 1]} | {plain:.3f} | {taught:.3f} |"
            for n, (taught, plain) in enumerate(
                zip(scores["by_range"], scores["before"], strict=True)
            )
        )
        return f"""---
license: apache-2.0
library_name: transformers
tags:
- chorale-playground
---

# A guidance expert: {self.task.onlooker} that looks through noise

Made of {self.task.onlooker} for {self.task.base}, after arXiv 2212.05973: {self.settings.ranges}
low-rank adapters of rank {self.rank}, each {100 * share:.1f} % of the model, one for each range of
log-SNR. No label was used: it learned from {self.settings.samples} pictures that the expert painted
of itself to say of the noisy {self.settings.sees} what the model says of the clean picture.

| log-SNR | distance from the teacher before | and now |
|---|---|---|
{rows}

{scores["steps"]} steps. The adapters are the moving average, stored as float16.
"""


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
    """Make a guidance expert within a budget, from its checkpoint if there is one.

    Its folder is written into the run, and with `ship` among the models as well.

    Raises:
        SystemExit: what is wrong, in a sentence; the last good checkpoint stands.
    """
    torch.set_num_threads(1)
    with in_sentences():
        training = GuidanceTraining(task, settings, models, runs)
        advance(training, Budget(steps, minutes))
        shipped = [models / "playground" / task.name] if ship else []
        training.write(training.run / "module", *shipped)
        print("wrote", training.run / "module", *shipped, flush=True)
