"""Train one Playground expert on its own draw, with its own condition and nothing else."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from training import latents, reading
from training.budget import RUNS, Budget, device, log
from training.folders import ship, weights_of
from training.latents import Examples
from training.networks import Expert, labels_of
from training.objectives import noised
from training.precision import halved
from training.recipes import RECIPES, Recipe
from training.trainer import Trainer
from training.words import PAD, UNKNOWN, null_ids, tokenizer


@dataclass(frozen=True)
class Settings:
    """How an expert is trained.

    Attributes:
        batch: examples a step.
        lr: peak learning rate.
        ema: decay of the shipped average.
        decay: share of the budget over which the rate falls to zero; 0 keeps it constant.
        validate_minutes: how often the held-out loss is measured and the checkpoint written.
        forget_words: probability that a word is replaced by `<unk>`, so that unknown words are
            known to mean nothing.
        fuse: compile the transformer, which needs a C++ compiler and a minute, and saves a sixth of
            every step on a processor.
    """

    batch: int = 64
    lr: float = 2e-3
    ema: float = 0.999
    decay: float = 0.0
    validate_minutes: float = 2.0
    forget_words: float = 0.02
    fuse: bool = False


def null_condition(recipe: Recipe, count: int) -> dict[str, Tensor]:
    """The condition that says nothing, for `count` examples."""
    condition: dict[str, Tensor] = {}
    if "text" in recipe.sees:
        condition["text"] = null_ids(count)
    else:
        condition["label"] = torch.full((count,), labels_of(recipe))
    if recipe.spatial:
        deep, size = recipe.space.channels * len(recipe.spatial), recipe.space.size
        condition["picture"] = torch.zeros(count, deep, size, size)
    return condition


def dropped(recipe: Recipe, count: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Which conditions are replaced by the null condition: [n] booleans for each modality.

    Modalities are dropped independently; with several, one example in twenty loses all.
    """
    everything = torch.rand(count, generator=generator) < (0.05 if len(recipe.sees) > 1 else 0)
    return {
        m: (torch.rand(count, generator=generator) < recipe.dropout) | everything
        for m in recipe.sees
    }


def condition_of(
    recipe: Recipe, batch: Examples, drop: dict[str, Tensor], generator: torch.Generator
) -> dict[str, Tensor]:
    """The condition of a batch, after dropping; captions are chosen among an example's variants."""
    count = len(batch)
    condition = null_condition(recipe, count)
    if batch.text is not None:
        chosen = torch.randint(batch.text.shape[1], (count,), generator=generator)
        ids = batch.text[torch.arange(count), chosen]
        condition["text"] = torch.where(drop["text"][:, None], condition["text"], ids)
    if batch.label is not None:
        condition["label"] = torch.where(drop["class"], condition["label"], batch.label)
    elif batch.text is None:
        # The one label and the null label mean the same here, and a pipeline may ask for either.
        condition["label"] = torch.where(torch.arange(count) % 2 == 0, condition["label"], 0)
    if batch.picture is not None:
        told = torch.stack([~drop[m] for m in recipe.spatial], 1)
        keep = told.repeat_interleave(recipe.space.channels, 1)
        condition["picture"] = batch.picture.float() * keep[:, :, None, None]
    return condition


def forget(ids: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Replace words by `<unk>` at random; padding and the end mark stay."""
    chance = torch.rand(ids.shape, generator=generator) < probability
    return torch.where(chance & (ids > UNKNOWN) & (ids != PAD), UNKNOWN, ids.long()).to(ids.dtype)


def loss_of(
    network: Expert,
    x0: Tensor,
    condition: dict[str, Tensor],
    generator: torch.Generator,
    lean: float = 0.0,
) -> Tensor:
    """Mean squared error of the native prediction, at levels that lean to noise."""
    pair = noised(network.recipe.objective, x0, generator, lean)
    with halved(x0.device.type):
        predicted = network(pair.noisy, pair.time, condition)
    return F.mse_loss(predicted.float(), pair.target)


class ExpertTraining:
    """An expert, its examples and its trainer."""

    def __init__(
        self, recipe: Recipe, settings: Settings, runs: Path = RUNS, assets: Path | None = None
    ) -> None:
        self.recipe, self.settings = recipe, settings
        self.device = device()
        self.run = runs / recipe.name
        self.network = Expert(recipe, len(tokenizer())).to(self.device)
        self.trainer = Trainer(
            self.network,
            self.run / "state.pt",
            lr=settings.lr,
            ema=settings.ema,
            decay=settings.decay,
        )
        if not self.trainer.resume():
            self._begin(runs, assets / recipe.name if assets else None)
        if settings.fuse:
            self.network.transformer.compile()
        self.examples = latents.load(recipe, runs)
        self.held_out = latents.load(recipe, runs, held_out=True)

    def _begin(self, runs: Path, shipped: Path | None) -> None:
        """Start from the shipped weights, or from nothing but an encoder that can read."""
        if shipped is not None and shipped.exists():
            self.network.load_state_dict(weights_of(shipped, self.network))
        elif self.network.text_encoder is not None and (encoder := reading.learned(runs)):
            self.network.text_encoder.load_state_dict(encoder)
        self.trainer.ema.reset()

    def batch(self, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Draw clean latents and their condition."""
        recipe, count = self.recipe, self.settings.batch
        chosen = torch.randint(len(self.examples), (count,), generator=generator)
        parts = {name: part[chosen] for name, part in self.examples.tensors().items()}
        batch = Examples(**parts)
        condition = condition_of(recipe, batch, dropped(recipe, count, generator), generator)
        if "text" in condition:
            condition["text"] = forget(condition["text"], self.settings.forget_words, generator)
        moved = {name: part.to(self.device) for name, part in condition.items()}
        return batch.latents.float().to(self.device), moved

    def advance(self, progress: float) -> float:
        """Do one step; its randomness depends on the expert and the step number alone."""
        seed = self.recipe.seed * 10**9 + self.trainer.step
        x0, condition = self.batch(torch.Generator().manual_seed(seed))
        generator = torch.Generator(self.device).manual_seed(seed)
        self.trainer.examples += len(x0)
        loss = loss_of(self.network, x0, condition, generator, self.recipe.lean)
        return self.trainer.apply(loss, progress)

    @torch.no_grad()
    def validate(self, count: int = 256) -> float:
        """Loss of the averaged weights on held-out examples, at levels and noise that stay."""
        self.trainer.ema.swap()
        generator = torch.Generator().manual_seed(99)
        parts = {name: part[:count] for name, part in self.held_out.tensors().items()}
        batch = Examples(**parts)
        nothing = {m: torch.zeros(len(batch), dtype=torch.bool) for m in self.recipe.sees}
        condition = condition_of(self.recipe, batch, nothing, generator)
        moved = {name: part.to(self.device) for name, part in condition.items()}
        x0 = batch.latents.float().to(self.device)
        levels = torch.Generator(self.device).manual_seed(99)
        result = float(loss_of(self.network, x0, moved, levels))
        self.trainer.ema.swap()
        return result

    def report(self, loss: float, minutes: float) -> dict[str, object]:
        """Validate, write the checkpoint and a line of the log."""
        entry: dict[str, object] = {
            "step": self.trainer.step,
            "loss": loss,
            "held_out": self.validate(),
        }
        self.trainer.save()
        log(self.run / "log.jsonl", **entry, minutes=round(minutes, 2))
        print(entry, flush=True)
        return entry


def train(
    name: str,
    settings: Settings,
    steps: int | None,
    minutes: float | None,
    *,
    runs: Path = RUNS,
    assets: Path,
) -> None:
    """Train an expert for a budget, from its checkpoint or its shipped weights, and ship it."""
    torch.set_num_threads(1)
    training = ExpertTraining(RECIPES[name], settings, runs, assets)
    budget = Budget(steps, minutes)
    last, loss = 0.0, 0.0
    for progress, bar in budget.ticks(name):
        loss = training.advance(progress)
        if budget.elapsed - last > 60 * settings.validate_minutes:
            last = budget.elapsed
            bar.set_postfix(training.report(loss, budget.elapsed / 60))
    training.report(loss, budget.elapsed / 60)
    ship(training.network, training.trainer, training.validate(), runs, assets)
