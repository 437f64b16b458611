"""Rounds: the cells of a sheet play one after another, and are told as one run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from graph.events import Event, Performance, Progress, Result
from graph.plan import Plan

if TYPE_CHECKING:
    from PIL.Image import Image


def rounds(plans: Sequence[Plan], play: Callable[[Plan], Iterator[Event]]) -> Iterator[Event]:
    """The events of all plans as those of one run, which ends with every picture.

    Steps are counted through, as if those that wait had as many as the one that plays; what is
    finished is shown as the next round begins. What ends one round early ends all.
    """
    pictures: list[Image] = []
    results: list[Result] = []
    before = 0
    for number, plan in enumerate(plans):
        left, steps = len(plans) - number - 1, 0
        for event in play(plan):
            if isinstance(event, Progress):
                shown = () if steps else (*pictures, *(event.preview or ()))
                steps = event.steps
                pace = event.seconds_left / max(1, steps - event.step)
                yield replace(
                    event,
                    step=before + event.step,
                    steps=before + steps * (left + 1),
                    seconds_left=event.seconds_left + pace * steps * left,
                    preview=shown or None,
                )
            elif isinstance(event, Result):
                pictures.extend(event.pictures)
                results.append(event)
            else:
                yield event
                return
        before += steps
    seconds = sum(each.seconds for each in results)
    last, still = results[-1], Performance(())
    yield replace(last, pictures=tuple(pictures), record=still, seconds=seconds)
