"""Events: the only output of a run. Page, command line and API consume the same iterator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from graph.drawing import NodeId
from graph.errors import Diagnostic
from graph.levels import NoiseLevel

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

Course = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Meters:
    """Who painted what at one step.

    `share[node]` is the expert's part of the fused update, summing to 1 over the experts that
    played; `map[node]` the same per place of the latent canvas, [batch, h, w] float32; and
    `cosine[(a, b)]` the agreement of two experts' directions, -1 to 1. A result has the
    `course` of it too: that at every step at which both were heard, as points (noise, cosine).
    """

    share: Mapping[NodeId, float]
    cosine: Mapping[tuple[NodeId, NodeId], float]
    map: Mapping[NodeId, np.ndarray]
    course: Mapping[tuple[NodeId, NodeId], Course] = field(
        default_factory=dict[tuple[NodeId, NodeId], Course]
    )


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of one track is done; preview and meters are there when they were due.

    `readings` are those of the corrector, by their word: `acceptance` is the part of its moves
    that were taken, `effective` the number of particles that count.
    """

    track: NodeId
    step: int
    steps: int
    level: NoiseLevel
    seconds_left: float
    weights: Mapping[NodeId, float]
    preview: tuple[Image, ...] | None = None
    meters: Meters | None = None
    readings: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True)
class Result:
    """A track is finished: its pictures, one per sample, and what was played."""

    track: NodeId
    pictures: tuple[Image, ...]
    meters: Meters | None
    record: Performance
    seconds: float


@dataclass(frozen=True, slots=True)
class Stopped:
    """The run was stopped by request after `step` steps; nothing was made."""

    step: int


@dataclass(frozen=True, slots=True)
class Failure:
    """The run ended early; earlier events and files stand."""

    diagnostics: tuple[Diagnostic, ...]


ControlValue = float | bool | str | tuple[tuple[float, float], ...]
"""The value of a control: number, switch, name of a stored map, or points of a curve."""


@dataclass(frozen=True, slots=True)
class Performance:
    """What was played: (step, control, value) in order; step 0 holds the opening values."""

    moves: tuple[tuple[int, str, ControlValue], ...]


Event = Progress | Result | Stopped | Failure
