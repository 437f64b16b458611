"""The course of a track: its noise levels, and everything's weight at every evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from graph.controls import Controls
from graph.events import ControlValue, Performance
from graph.export import choosing
from graph.export.weighing import Faders, faders, looked_at, others, source, voices, weighed
from graph.levels import NoiseLevel
from graph.plan import Choice, Operation, Plan
from graph.starting import visited

Key = tuple[str, int]
"""What has a weight: "weight", "plain" (without guidance), "loud" or "asked" (0 or 1)."""


class Course:
    """What becomes numbers while exporting."""

    def __init__(
        self, plan: Plan, sample: Operation, score: Operation, performance: Performance | None
    ) -> None:
        self._plan = plan
        sampler: Any = sample["sampler"]
        self.sampler = choosing.member("samplers", sampler)
        corrector: Any = dict(sample.settings).get("corrector", Choice("none"))
        self.corrector = None
        if corrector.name != "none":
            self.corrector = choosing.member("correctors", corrector)
        self.levels: Sequence[NoiseLevel] = visited(sample)
        self.steps = len(self.levels) - 1
        plays, grounds, self.forms = faders(plan, score)
        self.experts = grounds | plays
        # who plays and is part of a background too is heard there as he plays
        self._groups = grounds, plays, self.forms, *others(plan, score)
        self.faders: Faders = {}
        for group in self._groups:
            self.faders |= group
        self.rows: list[dict[Key, float]] = []
        """The weights at every evaluation: the sampler's in order, then the corrector's."""
        self.looks: list[tuple[int, int]] = []
        """By evaluation: the step in which it is made, and which of the levels it looks at."""
        self.values: list[Mapping[str, ControlValue]] = []
        """The controls at every evaluation."""
        self.sounding: list[frozenset[int]] = []
        """The experts, what tells them more, and the forms that are heard at every step."""
        self._weigh(Controls(plan.controls, performance))
        for root in plan.below(score):
            if root.op in ("fuse", "form"):
                below = list(voices(plan, root))
                for row in self.rows:
                    loud = any(row.get(("weight", each.number)) for each in below)
                    row["loud", root.number] = float(loud)
        for row in self.rows:
            looked = {each.number for each in looked_at(plan, score, partial(_heard, row))}
            for each in plan.below(score):
                row["asked", each.number] = float(each.number in looked)

    @property
    def guides(self) -> list[Operation]:
        """The guidances by models."""
        return [each.operation for each in self.faders.values() if each.operation.op == "guide"]

    @property
    def when(self) -> str:
        """What a row of a table stands for."""
        words = "every evaluation" if self.sampler.calls_per_step > 1 else "every step"
        return f"{words}, then at every correction" if self._stirs else words

    @property
    def sampled(self) -> int:
        """How often the sampler looks; a corrector's evaluations are counted from there on."""
        return len(self.looks) - (self.steps - 1 if self._stirs else 0)

    @property
    def restarts(self) -> bool:
        """Whether a corrector moves the state after every step."""
        return self._stirs

    def joinings(self, inputs: Sequence[Operation]) -> list[int]:
        """Evaluations within a step at which more or fewer of a fusion's inputs are heard.

        That is than at the one before, in the same step; where none is heard, all are.
        """
        sources = [source(self._plan, each) for each in inputs]
        keys = [("weight" if each.op == "denoise" else "loud", each.number) for each in sources]
        heard = [sum(row[key] != 0 for key in keys) or len(keys) for row in self.rows]
        last = {step: look for look, (step, _) in enumerate(self.looks[: self.sampled])}
        before = [
            look - 1 if look < self.sampled and step != at else last[step]
            for look, (step, at) in enumerate(self.looks)
        ]
        return [
            look
            for look, (step, at) in enumerate(self.looks)
            if step != at and heard[look] != heard[before[look]]
        ]

    @property
    def pairs(self) -> list[tuple[NoiseLevel, NoiseLevel]]:
        """For every evaluation its level, and the level at which its step ends."""
        return [(self.levels[at], self.levels[step + 1]) for step, at in self.looks]

    @property
    def falls(self) -> list[tuple[NoiseLevel, NoiseLevel]]:
        """For every evaluation its level and the next lower one."""
        return [(self.levels[at], self.levels[at + 1]) for _, at in self.looks]

    @property
    def _stirs(self) -> bool:
        return self.corrector is not None and self.corrector.calls_per_step > 0

    def _weigh(self, controls: Controls) -> None:
        steps, calls = range(self.steps), range(self.sampler.calls_per_step)
        self.looks = [(step, step + call) for step in steps for call in calls]
        if self._stirs:
            self.looks += [(step, step + 1) for step in steps]
        # none looks at clean
        self.looks = [look for look in self.looks if self.levels[look[1]].sigma > 0]
        played = [controls.read(step) for step in steps]
        self.values = [played[step] for step, _ in self.looks]
        for (step, at), values in zip(self.looks, self.values, strict=True):
            here = self.levels[at]
            numbers: dict[int, float] = {}
            for group in self._groups:
                numbers |= weighed(group, here, values)
            row: dict[Key, float] = {("weight", each): w for each, w in numbers.items()}
            for number, each in self.experts.items():
                guidance = abs(each.guidance(values)) or 1.0
                row["plain", number] = numbers[number] / guidance
            if step == at:
                heard = (number for number, weight in numbers.items() if weight != 0)
                self.sounding.append(frozenset(heard))
            self.rows.append(row)


def _heard(row: Mapping[Key, float], operation: Operation) -> bool:
    """Whether the weight of an operation is not zero at an evaluation."""
    word = "loud" if operation.op == "fuse" else "weight"
    return bool(row.get((word, operation.number), 1.0))
