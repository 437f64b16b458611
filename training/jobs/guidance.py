"""Guidance experts: the base paints pictures of itself, and a model learns to see them in noise."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from graph.companions import guidance_card
from graph.guiding import picture
from graph.interfaces import Likelihood
from graph.library import Library
from graph.low_rank import rank_within
from graph.runtime import Runtime
from graph.shelves import Folders
from training.guidance import SEED, GuidanceTraining, Settings, Task, at_once, noise
from training.guidance import painted as paint
from training.jobs.answers import AnswerGrid, levels, painted, pictures
from training.jobs.config import GuidanceConfig, refused
from training.jobs.small import small
from training.jobs.stop import Stop
from training.jobs.telling import Teller
from training.modules import ChangedError

SHOWN, LISTED = 6, 500
NAMED = 12
"""Classes that are named in a sentence."""
EVERY = 1.0
"""Seconds between two tellings of how much is painted."""
COLOURS = 3


class GuidanceKind:
    """A guidance expert as a training file asks for it.

    ChoraleError T002, T017, T019, or M001 to M030 for what is wrong with expert or model.
    """

    named: Mapping[str, str] = {
        "base": "it was begun with other base: {was}, now {now}",
        "base_hash": "the base '{base}' has changed: its weights are {now}, were {was}",
        "onlooker": "it was begun with other onlooker: {was}, now {now}",
        "onlooker_hash": "the model '{onlooker}' has changed: its weights are {now}, were {was}",
        "data": "it was begun with other pictures: {was}, now {now}",
        "edges": "it was begun with other ranges: they met at {was}, now at {now}",
    }

    def __init__(self, config: GuidanceConfig, models: Folders, jobs: Path) -> None:
        self.config, self.models, self.jobs = config, models, jobs
        self.settings = replace(Settings(), samples=config.samples, **config.settings.given)
        batch, ranges = self.settings.batch, self.settings.ranges
        if batch % ranges:
            raise refused(
                "T002",
                f"In the training file, settings.batch: expected a multiple of ranges, "
                f"which are {ranges}, got {batch}.",
                f"Write {ranges * max(1, batch // ranges)}.",
            )
        self.library = Library(models, jobs)
        self.model = self.library.model(config.base)
        self.card = guidance_card(self.library.companion(config.onlooker))
        if self.card.ranges is not None:
            raise refused(
                "T017",
                f"'{config.onlooker}' is a guidance expert already: it was taught the noise of "
                f"'{self.card.ranges.base}'.",
                "Choose the model that it was made of.",
            )
        space = self.model.space
        if space.scale == 1 and (len(space.shape) != COLOURS or space.shape[0] != COLOURS):
            raise refused(
                "T019",
                f"'{config.base}' paints no pictures that a model could look at: its states "
                f"are {'×'.join(map(str, space.shape))}, expected {COLOURS} channels or an "
                "autoencoder.",
                "Choose another base.",
            )

    @property
    def told(self) -> dict[str, Any]:
        """Who is taught to look at whose pictures, and for what it is asked."""
        config = self.config
        known = {"base": config.base, "onlooker": config.onlooker, "asks": self.card.asks}
        noises = [round(each.noise, 2) for each in levels(self.settings)]
        return known | {"sees": self.settings.sees, "levels": noises}

    def _material(self) -> dict[str, Any]:
        """Who is asked what, and about how many pictures."""
        config, settings, card = self.config, self.settings, self.card
        size, labels = "×".join(map(str, self.model.canvas)), card.labels
        some = ", ".join(labels[:NAMED]) + (", …" if len(labels) > NAMED else ".")
        asked = {
            "class": f"which of {len(labels)} classes it shows: {some}",
            "mask": f"which of {len(labels)} classes lies where: {some}",
            "depth": "what is near and what is far.",
        }
        painting = f"{config.base} paints {settings.samples} pictures of {size} to learn from"
        return {
            "said": [
                f"{painting}, {settings.held_out} held out.",
                f"{config.onlooker} says of each {asked[card.asks]}",
            ],
            "pictures": settings.samples,
            "held_out": settings.held_out,
            "size": size,
            "classes": list(labels[:LISTED]),
            **self.told,
        }

    @torch.no_grad()
    def check(self) -> dict[str, Any]:
        """Let the base paint its first pictures, and the model say what it sees in them."""
        runtime, settings = Runtime(self.library), self.settings
        _, base = runtime.expert(self.config.base)
        likelihood = runtime.likelihood(self.config.onlooker)
        network: Any = likelihood.onlooker.network  # pyright: ignore[reportAttributeAccessIssue]
        sizes = {name: part.shape for name, part in network.named_parameters()}
        try:
            rank_within(sizes, settings.share)
        except ValueError as error:
            raise self._too_small(error) from None
        shown: list[dict[str, str]] = []
        block, count = at_once(self.model.canvas), settings.samples + settings.held_out
        for start in range(
            0, min(SHOWN, count), block
        ):  # as they will be painted, and no more than are shown
            drawn = noise(self.model.space.shape, min(block, count - start), SEED * 10**6 + start)
            states = paint(base, drawn[: SHOWN - start].to(runtime.like()), settings.steps)
            seen = picture(base.codec, states)
            for each, answer in zip(pictures(seen), likelihood.read(seen), strict=True):
                shown.append({"picture": small(each), **self._said(likelihood, answer)})
        return {**self._material(), "shown": shown}

    def _said(self, likelihood: Likelihood, answer: torch.Tensor) -> dict[str, str]:
        """What the model says of a picture: a class and how sure it is, or a map."""
        found = painted(likelihood, self.card, answer)
        if found is not None:
            return {self.card.asks: small(found)}
        share, number = answer.softmax(0).max(0)
        sure = f"{100 * float(share):.0f}\N{NO-BREAK SPACE}%"
        return {"says": f"{self.card.labels[int(number)]}, {sure}"}

    def open(self, tell: Teller, stop: Stop) -> tuple[GuidanceTraining, AnswerGrid]:
        """Let the base paint what is learned from, as far as it is not painted; T018."""
        tell("material", **self._material())
        task = Task(self.config.name, self.config.onlooker, self.config.base)
        began, first, spoken = time.monotonic(), math.nan, -EVERY

        def watch(done: float, of: int) -> None:
            nonlocal first, spoken
            if stop.is_set():
                raise KeyboardInterrupt
            now = time.monotonic()
            first = done if math.isnan(first) else first
            if done > first and (now - spoken >= EVERY or done == of):
                spoken = now
                left = (now - began) * (of - done) / (done - first)
                tell("painted", pictures=int(done), of=of, seconds_left=round(left, 1))

        try:
            training = GuidanceTraining(task, self.settings, self.models, self.jobs, watch)
        except ChangedError:
            raise
        except ValueError as error:
            raise self._too_small(error) from None
        return training, AnswerGrid(training)

    def _too_small(self, error: ValueError) -> Exception:
        return refused(
            "T018",
            f"'{self.config.onlooker}' cannot be taught: {error}.",
            "Give it a larger settings.share.",
        )
