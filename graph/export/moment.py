"""The moment: what a rule or form is told of the state, the step and its own past."""

from __future__ import annotations

from collections.abc import Sequence

from graph.export.course import Course
from graph.export.draft import Draft
from graph.export.weighing import inputs_of
from graph.levels import NoiseLevel
from graph.plan import Operation


def moment(
    draft: Draft, course: Course, asked: Sequence[str], who: Operation, merge: Operation
) -> dict[str, str]:
    """The arguments by the names of parameters, for a rule or a form `who` of a fusion."""
    known = {"x": draft.state, "level": "level", "next_level": "levels[step + 1]"}
    if "memory" in asked:
        name = draft.names.of(("memory", who.number), f"{who.node}_memory")
        known["memory"] = draft.remembered(name)
        draft.memories[name] = course.joinings(inputs_of(draft.plan, merge)[0])
    if "noise" in asked:
        draft.draws = True
        sizes = [course.sampler.spread(*pair) for pair in course.pairs]
        name = draft.row(
            "FRESH_NOISE", f"what is added to x/alpha, in deviations, at {course.when}", sizes
        )
        known["noise"] = f"{name}[step] * draw.ahead()"
    if "gain" in asked:
        gains = [_gain(course, *pair) for pair in course.falls]
        name = draft.row("GAIN", f"1/(1 − c·alpha/(alpha'·sigma)) at {course.when}", gains)
        known["gain"] = f"{name}[step]"
    return known


def _gain(course: Course, here: NoiseLevel, there: NoiseLevel) -> float:
    factor = course.sampler.renoised(here, there)
    return 1.0 if factor is None else 1.0 / (1.0 - factor / (there.alpha * here.ratio))
