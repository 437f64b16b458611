"""Envelopes: the loudness of a sound laid over a run, as a curve over the noise of its steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from graph.errors import ChoraleError
from graph.levels import NoiseLevel
from graph.library import Library
from graph.plan import Control, Envelope, Operation, Plan, PlanBuilder, Ref, Value
from graph.sounds import SILENCE, Sound
from graph.starting import visited

MAX_POINTS = 64


def laid(plan: Plan, library: Library) -> Plan:
    """The plan with every envelope as the curve of a control.

    The first step hears the start of the sound, the last step its end. Where several tracks hear
    an envelope, the steps of the first one count. ChoraleError S001 where a noise schedule cannot
    place its steps, and what is wrong with a sound.
    """
    curves: dict[Envelope, Control] = {}
    for track in plan.operations:
        if track.op == "sample":
            for envelope in dict.fromkeys(_envelopes(plan, track)):
                if envelope not in curves:
                    sound = library.sound(envelope.sound.sha256)
                    points = curve(sound, envelope, levels_of(track))
                    curves[envelope] = Control(envelope.name, "curve", points, derived=True)
    return _replaced(plan, curves) if curves else plan


def curve(
    sound: Sound, envelope: Envelope, levels: tuple[NoiseLevel, ...]
) -> tuple[tuple[float, float], ...]:
    """Points (noise, height), at most 64: one for each of the steps that begin at these levels.

    The window of a point is never shorter than the time between two of them, so that no click is
    lost between steps.
    """
    last = len(levels) - 1
    count = min(len(levels), MAX_POINTS)
    visited = [levels[round(last * index / max(count - 1, 1))] for index in range(count)]
    stretch = sound.seconds / max(count - 1, 1)
    start = 0.0 if count > 1 else 0.5 * sound.seconds  # an only step hears the whole sound
    moments = np.linspace(start, sound.seconds, count)
    loud = sound.loudness(moments, max(envelope.window, stretch))
    share = loud / loud.max() if sound.peak >= SILENCE else np.zeros(count)
    heights = envelope.low + (envelope.high - envelope.low) * share
    return tuple((each.noise, float(height)) for each, height in zip(visited, heights, strict=True))


def levels_of(track: Operation) -> tuple[NoiseLevel, ...]:
    """The levels at which the steps of a track begin; ChoraleError S001 if it cannot place them."""
    try:
        return visited(track)[:-1]
    except ChoraleError as error:
        raise ChoraleError(
            *(replace(each, node=track.node) for each in error.diagnostics)
        ) from None


def _envelopes(plan: Plan, track: Operation) -> Iterator[Envelope]:
    for operation in plan.below(track):
        for _, value in operation.settings:
            yield from (part for part in _parts(value) if isinstance(part, Envelope))


def _replaced(plan: Plan, curves: Mapping[Envelope, Control]) -> Plan:
    builder = PlanBuilder()
    moved: dict[int, Ref] = {}
    for each in plan.operations:
        settings = {
            name: tuple(
                curves.get(part, part) if isinstance(part, Envelope) else part for part in value
            )
            if isinstance(value, tuple)
            else value
            for name, value in each.settings
        }
        inputs = [moved[ref.number] for ref in each.inputs]
        moved[each.number] = builder.add(each.node, each.op, *inputs, **settings)
    return builder.build()


def _parts(value: Value) -> tuple[Value, ...]:
    return value if isinstance(value, tuple) else (value,)
