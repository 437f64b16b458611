"""Correction: what a corrector is told of a track, and what the track keeps of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from graph.composing import Composition
from graph.interfaces import Corrector, Part, Seen, Step
from graph.levels import NoiseLevel
from graph.randomness import Draws
from graph.scores import Encoded, Merge, Score, Voice


class Correction:
    """A track's corrector while it plays, with what it remembers and reads."""

    def __init__(self, corrector: Corrector, draws: Draws) -> None:
        self._corrector = corrector
        self._draws = draws
        self._memory: Any = None
        self.readings: Mapping[str, float] = {}

    def __call__(self, seen: Seen, step: Step, see: Callable[[Tensor, NoiseLevel], Seen]) -> Step:
        """The step with its state corrected; the very same where that was left alone."""
        made = self._corrector(self._memory, seen, step, see, self._draws)
        self._memory, self.readings = made.memory, made.readings
        return step if made.x is step.x else replace(step, x=made.x)


def composition(
    merge: Merge,
    heard: Sequence[Score],
    weights: Sequence[Tensor | float],
    shares: Sequence[float],
    at: tuple[Tensor, NoiseLevel, Callable[[Voice, Encoded], Tensor]],
) -> Composition:
    """A fusion of bare experts taken apart, as it was answered `at` a state.

    TypeError for one that is fused of anything else.
    """
    x, level, answer = at

    def part(voice: Voice, encoded: Encoded) -> Part:
        def log_density() -> Tensor | None:
            known = voice.expert.log_density(x, level, encoded.spread(len(x)))
            return None if known is None else known.reshape(-1, *(1,) * (x.ndim - 1))

        return Part(answer(voice, encoded), log_density)

    def parts(score: Score) -> tuple[Part, Part | None]:
        if not isinstance(score, Voice):
            raise TypeError("a corrector takes apart a fusion of experts alone")
        null = None if score.null is None else part(score, score.null)
        return part(score, score.condition), null

    ground = merge.background
    return Composition(
        merge.rule,
        level,
        [parts(score) for score in heard],
        weights,
        shares,
        None if ground is None else parts(ground)[0],
    )
