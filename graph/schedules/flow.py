"""The noise schedule of flow models."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from graph.interfaces import NoiseSchedule
from graph.levels import CLEAN, PURE_NOISE, NoiseLevel


class Flow(NoiseSchedule):
    """Walks the straight line of flow models evenly, starting from pure noise exactly.

    The times fall evenly from 1 to the first trained time and are bent by
    t ↦ shift·t/(1 + (shift − 1)·t) (Esser et al., arXiv 2403.03206, equation 23), then clean. The
    shift bends the times that are visited, never what a time means. Equals the times of diffusers'
    FlowMatchEulerDiscreteScheduler, which bends the first trained time twice. The pipeline of Flux
    gives it even times instead; its dynamic shifting by mu is a shift of e^mu.
    """

    name: Literal["flow"] = "flow"
    shift: float = Field(
        default=1.0,
        ge=0.01,
        le=100.0,
        description="Above 1 spends more steps on composition; 3 is usual for large pictures.",
    )
    trained_times: int = Field(
        default=1000, ge=2, le=100_000, description="Times between noise and clean in training."
    )

    ending: Literal["trained", "even", "solver"] = Field(
        default="trained",
        description="The last step begins at the first trained time, as in SD 3, or is as long as "
        "the others before they are bent, as in Flux; with `solver` the first step begins at the "
        "last trained time too, below pure noise, as DPM-Solver++ does for Sana.",
    )

    def levels(self, steps: int) -> tuple[NoiseLevel, ...]:
        """`steps` times from 1, or nearly, down to the ending, shifted, then clean."""
        if self.ending == "solver":
            last = 1.0 - 1.0 / self.trained_times
            times = (self._bend(last * (1.0 - i / steps)) for i in range(steps))
            return (*map(NoiseLevel.from_flow_time, times), CLEAN)
        even = self.ending == "even"
        reach = 1.0 - (1.0 / steps if even else self._bend(1.0 / self.trained_times))
        times = (self._bend(1.0 - i / max(steps - 1, 1) * reach) for i in range(1, steps))
        return (PURE_NOISE, *map(NoiseLevel.from_flow_time, times), CLEAN)

    def taken(self, steps: int, strength: float) -> int:
        """Rounded up, as the pipelines of flow models do."""
        return max(steps - int(steps - steps * strength), 1)

    def _bend(self, time: float) -> float:
        return self.shift * time / (1.0 + (self.shift - 1.0) * time)
