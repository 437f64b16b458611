"""Correcting: what moves the state after every step, and what it is told of a fusion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graph.export import choosing
from graph.export.asking import Asking
from graph.export.course import Course
from graph.export.draft import Draft
from graph.export.wording import LONGEST, call_of, row_of, wrapped
from graph.plan import Operation


class Correcting:
    """Writes the corrector of a track, if it has one."""

    def __init__(self, draft: Draft, course: Course, sample: Operation) -> None:
        choice: Any = dict(sample.settings).get("corrector")
        self._draft = draft
        self._course = course
        self._found = None if course.corrector is None else choosing.chosen("correctors", choice)

    def __bool__(self) -> bool:
        """Whether it has one."""
        return self._found is not None

    def seeing(self, asking: Asking, body: Sequence[str]) -> list[str]:
        """The denoiser's lines after the networks were asked, with what the corrector is told.

        A fusion is linear in its estimates, so that it weighs other values by the same factors.
        """
        if not self._asks("seen"):
            return [*body]
        # where other values stand in the places of estimates, nothing stands in that of the state
        plain = any(" = lacking(x, " in line for line in body)
        row, comma = ", ".join(asking.answers), "," if len(asking.answers) == 1 else ""
        told = "x=x, level=level, clean=clean, answers=answers, composed=composed"
        if self._densities:
            told = "log_density=composed(densities)"
            densities = [f"densities = [{', '.join(asking.densities)}]"]
        else:
            densities = list[str]()
        return [
            f"answers = [{row}]",
            *densities,
            "",
            f"def composed(values: list{', x: float | Tensor = 0.0' if plain else ''}) -> Tensor:",
            '    """The fusion of estimates, or of what is given in their places."""',
            f"    {row}{comma} = values",
            *(f"    {line}" for each in body for line in wrapped(each, LONGEST - 4)),
            "",
            f"clean = composed(answers{', x' if plain else ''})",
            f"seen.update({told})",
            "return clean",
        ]

    def opening(self) -> list[str]:
        """Its lines before the sampling."""
        lines = [f"draw_again = {self._draft.drawing('corrector')}"] if self._found else []
        return [*lines, *(f"{each} = {{}}" for each in ("seen", "particles") if self._asks(each))]

    def walk(self, call: str, denoise: Sequence[str]) -> list[str]:
        """The steps of a sampler's `call` by itself, each corrected."""
        if self._found is None:
            raise LookupError("no corrector")
        self._draft.wanted.append((self._found.part.module, self._found.part.name))
        by_step = any("[step" in line for line in denoise)
        known = {
            "denoise": "denoise",
            "x": "x",
            "level": "levels[step + 1]",
            "step": f"{self._course.sampled} + step" if by_step else "step",
            "draw": "draw_again",
            "seen": "seen",
            "memory": "particles",
        }
        forgets = self._draft.memories if self._course.restarts else ()
        note = ["    # the state is moved, and what rules remember is void"] if forgets else []
        first = self._course.sampled
        joined = {
            each: [look - first for look in looks if look >= first]
            for each, looks in self._draft.memories.items()
        }
        return [
            f"for step in range({self._course.steps}):",
            *note,
            *(f"    {line}" for each in forgets for line in self._draft.forgetting(each)),
            f"    x = {call}",
            *(
                line
                for each, steps in joined.items()
                if steps
                for line in (
                    f"    if step in {row_of(steps)}:  # an expert joins or leaves",
                    *(f"        {forgets}" for forgets in self._draft.forgetting(each)),
                )
            ),
            f"    x = {call_of(self._found, known)}",
            "return x",
        ]

    @property
    def _densities(self) -> bool:
        """Whether it has to know how likely a state is."""
        corrector = self._course.corrector
        return corrector is not None and corrector.needs == "densities"

    def _asks(self, name: str) -> bool:
        parameter = {"particles": "memory"}.get(name, name)
        return self._found is not None and parameter in self._found.part.parameters
