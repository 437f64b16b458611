"""The loop: every track sampled in lock-step, every expert asked once per step, faders live.

The sampler of a track sees one denoiser. Behind it, at each evaluation: the controls as they stand
give every voice and modulator its weight; voices that are heard are asked in one batched call per
network; modulators rewrite their answers; fusion merges them. What is muted, at zero or outside its
range of levels costs nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from graph.controls import Controls
from graph.errors import ChoraleError, Diagnostic
from graph.events import ControlValue, Progress, Stopped
from graph.interfaces import Estimate, Expert, Fused, Step
from graph.levels import NoiseLevel
from graph.meters import Tally
from graph.modulation import Trail, added, apart, rewritten
from graph.preview import Watch
from graph.randomness import Draws
from graph.reliability import Weight
from graph.scores import (
    Encoded,
    Merge,
    Modulated,
    Score,
    Track,
    Voice,
    bare,
    modulators,
    read,
    voices,
)


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
        self._memories: dict[str, Any] = {}
        self._walk: Iterator[Step] = iter(())
        self._sounding: frozenset[str] | None = None

    def advance(self, number: int, values: Mapping[str, ControlValue]) -> Step:
        """Take step `number` under the controls as they stand.

        When a voice or modulator joins or leaves, the sampler starts anew from here: the estimates
        that a multistep solver remembers, and what rules remember, are those of another ensemble.
        """
        self.values = values
        self.weights = self._weights(self.track.levels[number])
        sounding = frozenset(node for node, weight in self.weights.items() if not weight.silent)
        if sounding != self._sounding:
            self._sounding = sounding
            self._memories.clear()
            levels = self.track.levels[number:]
            self._walk = self.track.sampler(self.denoise, self.x, levels, self._fresh)
        step = next(self._walk)
        self.x = step.x
        return step

    def denoise(self, x: Tensor, level: NoiseLevel) -> Tensor:
        """D(x, level) of the whole ensemble under the controls of this step."""
        self.weights = self._weights(level)
        answers = ask(x, level, self._asked(self.track.score))
        (trail,) = self._trails([self.track.score], x, level, answers)
        denoised = trail[-1][1].denoised
        if self.fused is not None and len(trail) > 1:
            self.heard, self.fused = added(trail, self.heard, self.fused)
        return denoised

    def _weights(self, level: NoiseLevel) -> dict[str, Weight]:
        """Of every voice and modulator; a solo silences others of its kind alone."""
        score = self.track.score
        found: dict[str, Weight] = {}
        for kind in (tuple(voices(score)), tuple(modulators(score))):
            solo = any(read(each.solo, self.values) for each in kind)
            found |= {each.node: each.weight(level, self.values, solo) for each in kind}
        return found

    def _draws(self, role: str) -> Draws:
        track = self.track
        return Draws(track.seed, track.number, track.samples, role, track.shape, track.like)

    def _loud(self, score: Score) -> bool:
        return any(not self.weights[voice.node].silent for voice in voices(score))

    def _heard(self, merge: Merge) -> tuple[Score, ...]:
        """The inputs that sound; with all of them silent, all, at weight zero: the background."""
        loud = tuple(score for score in merge.inputs if self._loud(score))
        return loud or tuple(map(bare, merge.inputs))

    def _asked(self, score: Score) -> Iterator[tuple[Voice, Encoded]]:
        score = bare(score)
        if isinstance(score, Merge):
            for each in self._heard(score):
                yield from self._asked(each)
            if score.background is not None:
                yield from self._asked(score.background)
            return
        yield score, score.condition
        if score.null is not None:
            yield score, score.null

    def _trails(
        self, scores: Sequence[Score], x: Tensor, level: NoiseLevel, answers: Answers
    ) -> list[Trail]:
        """What the scores estimate, each before and after every modulator that sounds."""
        awake = [self._awake(score) for score in scores]
        if not any(isinstance(score, Modulated) for score in awake):
            return [((s.node, self._estimate(s, x, level, answers)),) for s in map(bare, awake)]
        within = [score.score if isinstance(score, Modulated) else score for score in awake]
        trails = self._trails(within, x, level, answers)
        asked = {i: score for i, score in enumerate(awake) if isinstance(score, Modulated)}
        before = {i: trails[i][-1][1] for i in asked}
        after = rewritten(x, level, asked, before, self.weights)
        return [
            (*trail, (awake[i].node, after[i])) if i in after else trail
            for i, trail in enumerate(trails)
        ]

    def _awake(self, score: Score) -> Score:
        """The score without silent modulators around it."""
        while isinstance(score, Modulated) and self.weights[score.node].silent:
            score = score.score
        return score

    def _estimate(
        self, score: Voice | Merge, x: Tensor, level: NoiseLevel, answers: Answers
    ) -> Estimate:
        if isinstance(score, Voice):
            null = None if score.null is None else answers[score.network, score.null.key]
            return Estimate(answers[score.network, score.condition.key], null)
        heard = self._heard(score)
        trails = self._trails(heard, x, level, answers)
        wired = [score.background] if score.background else []
        background = [trail[-1][1].denoised for trail in self._trails(wired, x, level, answers)]
        if not background and not self._loud(score):
            _need_nulls(score, [trail[0][1] for trail in trails])
        weights = [self._weight(each).tensor(x) for each in heard]
        shares = [each.share if isinstance(each, Voice) else 1.0 for each in map(bare, heard)]

        estimates = [trail[-1][1] for trail in trails]
        self._memories[score.node], weights = score.rule.follow(
            self._memories.get(score.node), x, level, estimates, weights
        )

        def fuse(estimates: Sequence[Estimate]) -> Fused:
            return score.rule(x, level, estimates, weights, shares, next(iter(background), None))

        fused = fuse(estimates)
        if score is bare(self.track.score):
            self.heard, self.fused = apart(trails, fuse, fused)
        return Estimate(fused.denoised, fused.base)

    def _weight(self, score: Score) -> Weight:
        score = bare(score)
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
