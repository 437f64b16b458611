"""The moment: what a rule or form is told of the state, the step and its own past."""

from __future__ import annotations

from collections.abc import Sequence

from graph.export.course import Course
from graph.export.draft import Draft
from graph.levels import NoiseLevel


def moment(
    draft: Draft, course: Course, asked: Sequence[str], remembered: object, node: str
) -> dict[str, str]:
    """The arguments by the names of parameters; `remembered` is whose memory it is, of a node."""
    known = {"x": draft.state, "level": "level", "next_level": "levels[step + 1]"}
    if "memory" in asked:
        known["memory"] = draft.names.of(remembered, f"{node}_memory")
        if known["memory"] not in draft.memories:
            draft.memories.append(known["memory"])
    if "noise" in asked:
        draft.draws = True
        sizes = [course.sampler.spread(*pair) for pair in course.pairs]
        name = draft.row("FRESH_NOISE", "what a step adds to x/alpha, in deviations", sizes)
        known["noise"] = f"{name}[step] * draw.ahead()"
    if "gain" in asked:
        gains = [_gain(course, *pair) for pair in course.pairs]
        name = draft.row("GAIN", "1/(1 − c·alpha/(alpha'·sigma)) of every step", gains)
        known["gain"] = f"{name}[step]"
    return known


def _gain(course: Course, here: NoiseLevel, there: NoiseLevel) -> float:
    factor = course.sampler.renoised(here, there)
    return 1.0 if factor is None else 1.0 / (1.0 - factor / (there.alpha * here.ratio))
