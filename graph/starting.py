"""Starting from a picture: the levels that are left, the state they begin with, what has none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from graph import schedules
from graph.errors import ChoraleError, Diagnostic
from graph.interfaces import NoiseSchedule
from graph.levels import NoiseLevel
from graph.library import COLOURS, Library, Space
from graph.pictures import fitting
from graph.plan import Operation
from graph.registry import choices


def visited(sample: Operation) -> tuple[NoiseLevel, ...]:
    """The levels of a sampled track, clean last; ChoraleError S001 if it cannot place them."""
    settings: dict[str, Any] = dict(sample.settings)
    family: dict[str, Any] = choices(schedules, NoiseSchedule)
    chosen, steps = settings["schedule"], settings["steps"]
    schedule: NoiseSchedule = family[chosen.name](**dict(chosen.settings))
    if "start" not in settings:
        return schedule.levels(steps)
    return schedule.from_picture(steps, settings["strength"])


def check(sample: Operation, space: Space, title: Callable[[str], str]) -> Iterator[Diagnostic]:
    """S022 if a track is to start from a picture, and a state of its space is none."""
    if "start" in dict(sample.settings) and not space.pictorial:
        yield Diagnostic(
            "S022",
            f"'{title(sample.node)}' is to start from a picture, and a state of the space {space} "
            f"is none; expected {COLOURS} channels or an autoencoder.",
            "Unwire the sampler's start, or sample experts of pictures.",
            node=sample.node,
        )


def noted(
    sample: Operation, space: Space, library: Library, title: Callable[[str], str]
) -> Iterator[Diagnostic]:
    """A010 for what is changed about the picture that a track starts from, and its region.

    `space` is as large as the track.
    """
    settings: dict[str, Any] = dict(sample.settings)
    told = {"start": "picture that '{}' starts from", "where": "region that '{}' may change"}
    for name in sorted(told.keys() & settings.keys()):
        try:
            changed = fitting(library.picture(settings[name].value.sha256), space.size)
        except ChoraleError:
            continue  # the check of files says what is wrong with it
        if changed:
            what = told[name].format(title(sample.node))
            yield Diagnostic(
                "A010", f"The {what} is fitted: {changed}.", node=sample.node, severity="note"
            )
