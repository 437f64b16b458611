"""The loop: every track sampled in lock-step, every expert asked once per step, faders live.

The sampler of a track sees one denoiser. Behind it, at each evaluation: the controls as they stand
give every voice its weight; voices that are heard are asked in one batched call per network; fusion
merges their answers. A voice that is muted, at zero or outside its range of levels costs nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from graph.controls import Controls
from graph.errors import ChoraleError, Diagnostic
from graph.events import ControlValue, Progress, Stopped
from graph.interfaces import Estimate, Expert, Fused, FusionRule, Sampler, Step
from graph.levels import NoiseLevel
from graph.meters import Tally
from graph.plan import Control
from graph.preview import Watch
from graph.randomness import Draws
from graph.reliability import Reliability, Weight


@dataclass(frozen=True, slots=True)
class Encoded:
    """A condition as tensors, with the key under which equal conditions are asked once.

    `values` holds one encoding for the whole batch, or one per sample.
    """

    key: str
    values: tuple[Any, ...]

    def spread(self, samples: int) -> tuple[Any, ...]:
        """One encoding per sample."""
        return self.values * samples if len(self.values) == 1 else self.values


@dataclass(frozen=True, slots=True)
class Voice:
    """One expert's part in a run: what it is asked for and how loud it is."""

    node: str
    expert: Expert
    network: str
    condition: Encoded
    null: Encoded | None
    reliability: Reliability
    guidance: Control | float
    share: float
    muted: Control | bool
    solo: Control | bool
    noise_range: tuple[float, float]

    def weight(self, level: NoiseLevel, values: Mapping[str, ControlValue], solo: bool) -> Weight:
        """Guidance times reliability; zero if muted, not soloed or out of range."""
        high, low = self.noise_range
        off = _read(self.muted, values) or (solo and not _read(self.solo, values))
        if off or not low <= level.noise <= high:
            return Weight(0.0)
        return self.reliability.at(level, values) * float(_read(self.guidance, values))


@dataclass(frozen=True, slots=True)
class Merge:
    """A fusion of voices, or of other fusions, by one rule."""

    node: str
    rule: FusionRule
    inputs: tuple[Voice | Merge, ...]
    background: Voice | Merge | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """One output being sampled."""

    name: str
    number: int
    shape: tuple[int, ...]
    seed: int
    samples: tuple[int, ...]
    levels: tuple[NoiseLevel, ...]
    sampler: Sampler
    score: Merge
    like: Tensor


class Player:
    """A track while it plays: the denoiser that its sampler sees."""

    def __init__(self, track: Track) -> None:
        self.track = track
        self.values: Mapping[str, ControlValue] = {}
        self.weights: dict[str, Weight] = {}
        self.heard: tuple[str, ...] = ()
        self.fused: Fused | None = None
        self.x = self._draws("noise")() * track.levels[0].sigma
        self._fresh = self._draws("sampler")
        self._walk: Iterator[Step] = iter(())
        self._sounding: frozenset[str] | None = None

    def advance(self, number: int, values: Mapping[str, ControlValue]) -> Step:
        """Take step `number` under the controls as they stand.

        When a voice joins or leaves, the sampler starts anew from here: the estimates that a
        multistep solver remembers are those of another ensemble.
        """
        self.values = values
        self.weights = self._weights(self.track.levels[number])
        sounding = frozenset(node for node, weight in self.weights.items() if not weight.silent)
        if sounding != self._sounding:
            self._sounding = sounding
            levels = self.track.levels[number:]
            self._walk = self.track.sampler(self.denoise, self.x, levels, self._fresh)
        step = next(self._walk)
        self.x = step.x
        return step

    def denoise(self, x: Tensor, level: NoiseLevel) -> Tensor:
        """D(x, level) of the whole ensemble under the controls of this step."""
        self.weights = self._weights(level)
        answers = ask(x, level, self._asked(self.track.score))
        return self._estimate(self.track.score, x, level, answers).denoised

    def _weights(self, level: NoiseLevel) -> dict[str, Weight]:
        voices = list(_voices(self.track.score))
        solo = any(_read(voice.solo, self.values) for voice in voices)
        return {voice.node: voice.weight(level, self.values, solo) for voice in voices}

    def _draws(self, role: str) -> Draws:
        track = self.track
        return Draws(track.seed, track.number, track.samples, role, track.shape, track.like)

    def _loud(self, score: Voice | Merge) -> bool:
        return any(not self.weights[voice.node].silent for voice in _voices(score))

    def _heard(self, merge: Merge) -> tuple[Voice | Merge, ...]:
        """The inputs that sound; with all of them silent, all, at weight zero: the background."""
        return tuple(score for score in merge.inputs if self._loud(score)) or merge.inputs

    def _asked(self, score: Voice | Merge) -> Iterator[tuple[Voice, Encoded]]:
        if isinstance(score, Merge):
            for each in self._heard(score):
                yield from self._asked(each)
            if score.background is not None:
                yield from self._asked(score.background)
            return
        yield score, score.condition
        if score.null is not None:
            yield score, score.null

    def _estimate(
        self, score: Voice | Merge, x: Tensor, level: NoiseLevel, answers: Answers
    ) -> Estimate:
        if isinstance(score, Voice):
            null = None if score.null is None else answers[score.network, score.null.key]
            return Estimate(answers[score.network, score.condition.key], null)
        heard = self._heard(score)
        background = score.background and self._estimate(score.background, x, level, answers)
        estimates = [self._estimate(each, x, level, answers) for each in heard]
        if background is None and not self._loud(score):
            _need_nulls(score, estimates)
        fused = score.rule(
            x,
            level,
            estimates,
            [self._weight(each).tensor(x) for each in heard],
            [each.share if isinstance(each, Voice) else 1.0 for each in heard],
            background.denoised if background else None,
        )
        if score is self.track.score:
            self.heard, self.fused = tuple(each.node for each in heard), fused
        return Estimate(fused.denoised, fused.base)

    def _weight(self, score: Voice | Merge) -> Weight:
        if isinstance(score, Voice):
            return self.weights[score.node]
        return Weight(1.0 if self._loud(score) else 0.0)


Answers = Mapping[tuple[str, str], Tensor]


def ask(x: Tensor, level: NoiseLevel, asked: Iterator[tuple[Voice, Encoded]]) -> Answers:
    """Denoise under every condition that is asked for: one forward pass per distinct network."""
    experts: dict[str, Expert] = {}
    wanted: dict[str, dict[str, Encoded]] = {}
    for voice, encoded in asked:
        experts[voice.network] = voice.expert
        wanted.setdefault(voice.network, {})[encoded.key] = encoded
    answers: dict[tuple[str, str], Tensor] = {}
    for network, conditions in wanted.items():
        states = x.repeat(len(conditions), *(1,) * (x.ndim - 1))
        each = [value for encoded in conditions.values() for value in encoded.spread(len(x))]
        denoised = experts[network].denoise(states, level, each).to(x)
        for key, part in zip(conditions, denoised.chunk(len(conditions)), strict=True):
            answers[network, key] = part
    return answers


@torch.inference_mode()
def play(
    tracks: Sequence[Track], controls: Controls, stop: threading.Event, watch: Watch
) -> Iterator[Progress | Stopped | tuple[Track, Tensor, Tally]]:
    """Sample every track; yields Progress per step and track, then each track's clean state.

    Stops before the next step once `stop` is set.
    """
    players = [Player(track) for track in tracks]
    tallies = [Tally() for _ in tracks]
    steps = len(tracks[0].levels) - 1
    began = time.perf_counter()
    for number in range(steps):
        if stop.is_set():
            yield Stopped(number)
            return
        values = controls.read(number)
        for player, tally in zip(players, tallies, strict=True):
            step = player.advance(number, values)
            tally.add(player.heard, player.fused)
            due = watch.due(last=number + 1 == steps)
            pace = (time.perf_counter() - began) / (number + 1)
            yield Progress(
                track=player.track.name,
                step=number + 1,
                steps=steps,
                level=step.level,
                seconds_left=pace * (steps - number - 1),
                weights={node: weight.number for node, weight in player.weights.items()},
                preview=watch.picture(player.track.name, step.denoised) if due else None,
                meters=tally.now() if due else None,
            )
    for player, tally in zip(players, tallies, strict=True):
        yield player.track, player.x, tally


def _voices(score: Voice | Merge) -> Iterator[Voice]:
    """The voices whose weights decide whether a score is heard (backgrounds have none)."""
    if isinstance(score, Voice):
        yield score
        return
    for each in score.inputs:
        yield from _voices(each)


def _read(setting: Any, values: Mapping[str, ControlValue]) -> Any:
    return values[setting.name] if isinstance(setting, Control) else setting


def _need_nulls(merge: Merge, estimates: Sequence[Estimate]) -> None:
    if any(estimate.null is None for estimate in estimates):
        raise ChoraleError(
            Diagnostic(
                "R003",
                "Every expert is silent and there is no background to paint with.",
                "Raise a fader, or wire a background.",
                node=merge.node,
            )
        )
