"""Points of the plane as a picture: where they are, what their experts know, and what is named."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from graph.interfaces import Step
from graph.named import named
from graph.plane import REACH
from graph.plotting import COLOURS, GROUND, NAMED, Light, contour, dots, grid, panel, shade
from graph.reliability import Weight
from graph.scores import Bent, Bridged, Score, Voice, bare, voices

COARSE = 2
"""Pixels a side for which a density is worked out once: the log of one is smooth."""
ASLEEP = 0.25
"""How much is seen of an expert that is silent."""


class PointPainter:
    """Draws the states of a track as points, `points` to a picture of `side` pixels.

    Behind them is the density that the weights name, at the noise of the step, where the rules
    name one, else a tint of every expert; each expert has lines of its own.
    """

    def __init__(self, score: Score, points: int, side: int) -> None:
        self._score, self._points, self._side = score, points, side
        self._grid = grid(side // COARSE, REACH)
        self._voices = list({voice.node: voice for voice in voices(score)}.values())

    def show(self, step: Step, weights: Mapping[str, Weight]) -> tuple[Image.Image, ...]:
        """A picture of every `points` states."""
        known = [(voice, self._light(self._logs(voice, step))) for voice in self._voices]
        batches = step.x.float().cpu().reshape(-1, self._points, 2)
        spread = any(weight.spread is not None for weight in weights.values())
        pictures: list[Image.Image] = []
        ground = Image.new("RGB", (self._side, self._side), GROUND)
        for number, batch in enumerate(batches):
            if spread or not number:
                faders = {n: _one(each, number * self._points) for n, each in weights.items()}
                ground = self._ground(step, known, faders)
            pictures.append(dots(ground, batch, REACH, self._side / 320))
        return tuple(pictures)

    def _ground(
        self, step: Step, known: list[tuple[Voice, Light]], faders: Mapping[str, float]
    ) -> Image.Image:
        """What the points lie on."""
        inks = list(zip(known, cycle(COLOURS), strict=False))
        logs = self._named(self._score, step, faders)
        if logs is not None:
            ground = panel([(shade(self._light(logs)), NAMED)], self._side)
        else:
            tints = [(shade(light), ink) for (voice, light), ink in inks if faders[voice.node]]
            faint = panel(tints, self._side)
            ground = Image.blend(Image.new("RGB", faint.size, GROUND), faint, 0.5)
        for (voice, light), ink in inks:
            ground = contour(ground, light, ink, 0.8 if faders[voice.node] else ASLEEP)
        return ground

    def _named(self, score: Score, step: Step, faders: Mapping[str, float]) -> Tensor | None:
        """The log density [n, 1] that a score stands for; None where nothing tells it."""
        if isinstance(score, Bridged):
            return None
        if isinstance(score, Bent):
            return None if faders[score.node] else self._named(score.score, step, faders)
        if isinstance(score, Voice):
            return self._logs(score, step)
        if any(faders[each.node] for each in score.forms):
            return None
        heard = [each for each in score.inputs if _loud(each, faders)]
        logs = [self._named(each, step, faders) for each in heard]
        ground = score.background and self._named(score.background, step, faders)
        lacking = score.background is not None and ground is None
        if not logs or lacking or any(each is None for each in logs):
            return ground if not logs else None
        asked = [faders[each.node] if isinstance(each, Voice) else 1.0 for each in map(bare, heard)]
        return named(score.rule, step.level, cast("list[Tensor]", logs), asked, ground)

    def _logs(self, voice: Voice, step: Step) -> Tensor:
        """The log density of an expert at every place, [n, 1]; flat where it knows none."""
        asked = voice.condition.spread(len(self._grid))
        logs = voice.expert.log_density(self._grid, step.level, asked)
        return torch.zeros(len(self._grid), 1) if logs is None else logs[:, None]

    def _light(self, logs: Tensor) -> Light:
        side = self._side // COARSE
        square = logs.reshape(1, 1, side, side)
        full = interpolate(square, scale_factor=COARSE, mode="bicubic", align_corners=False)
        return np.asarray(full[0, 0].numpy(), dtype=np.float64)


def _one(weight: Weight, sample: int) -> float:
    """The weight of one sample."""
    if weight.spread is None:
        return weight.number
    return weight.number * float(weight.spread.flatten()[min(sample, weight.spread.numel() - 1)])


def _loud(score: Score, faders: Mapping[str, float]) -> bool:
    return any(faders[voice.node] for voice in voices(score))
