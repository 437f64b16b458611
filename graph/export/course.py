"""The course of a track: its noise levels, and everything's weight at every evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graph.controls import Controls
from graph.events import Performance
from graph.export import choosing
from graph.export.weighing import Fader, faders, others, voices, weighed
from graph.levels import NoiseLevel
from graph.plan import Operation, Plan

Key = tuple[str, int]
"""What has a weight: "weight", "plain" (without guidance) or "loud" (0 or 1), of an operation."""


class Course:
    """What becomes numbers while exporting."""

    def __init__(
        self, plan: Plan, sample: Operation, score: Operation, performance: Performance | None
    ) -> None:
        sampler: Any = sample["sampler"]
        schedule: Any = sample["schedule"]
        steps: Any = sample["steps"]
        self.steps: int = steps
        self.sampler = choosing.member("samplers", sampler)
        self.levels: Sequence[NoiseLevel] = choosing.member("schedules", schedule).levels(steps)
        self.experts, self.forms = faders(plan, score)
        self._kinds = (self.experts, self.forms, *others(plan, score))
        self.faders: dict[int, Fader] = {
            n: each for kind in self._kinds for n, each in kind.items()
        }
        self.rows: list[dict[Key, float]] = []
        """The weights at every evaluation: one a step, for some samplers two."""
        self.sounding: list[frozenset[int]] = []
        """The experts, what tells them more, and the forms that are heard at every step."""
        self._weigh(Controls(plan.controls, performance))
        for root in plan.below(score):
            if root.op in ("fuse", "form"):
                below = list(voices(plan, root))
                for row in self.rows:
                    loud = any(row.get(("weight", each.number)) for each in below)
                    row["loud", root.number] = float(loud)

    @property
    def pairs(self) -> list[tuple[NoiseLevel, NoiseLevel]]:
        """Where every step begins and where it ends."""
        return list(zip(self.levels[:-1], self.levels[1:], strict=True))

    def _weigh(self, controls: Controls) -> None:
        for step in range(self.steps):
            values = controls.read(step)
            looked = self.levels[step : step + self.sampler.calls_per_step]
            for here in (each for each in looked if each.sigma > 0):  # none looks at clean
                numbers: dict[int, float] = {}
                for kind in self._kinds:
                    numbers |= weighed(kind, here, values)
                row: dict[Key, float] = {("weight", each): w for each, w in numbers.items()}
                for number, each in self.experts.items():
                    guidance = abs(each.guidance(values)) or 1.0
                    row["plain", number] = numbers[number] / guidance
                if here is self.levels[step]:
                    heard = (number for number, weight in numbers.items() if weight != 0)
                    self.sounding.append(frozenset(heard))
                self.rows.append(row)
