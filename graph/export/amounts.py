"""Weights as they are written: numbers, columns of a table, sweeps and maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PIL import Image

from graph.export.course import Course, Key
from graph.export.draft import Draft
from graph.export.weighing import source
from graph.export.wording import png_of, short, text_of
from graph.plan import Control, Operation, Sweep

ROUNDED = 1e-6
"""How far weights may be from their sum and still be it."""


class Amounts:
    """Writes the weights of a track, and the table of those that change."""

    def __init__(self, draft: Draft, course: Course) -> None:
        self._draft = draft
        self._course = course
        self._columns: dict[Key, str] = {}

    def of(self, operation: Operation, word: str) -> str:
        """The weight of a score that is fused: a number or a column of the table, times spreads."""
        operation = source(self._draft.plan, operation)
        if operation.op == "fuse":
            return self._written(operation, "loud")
        return self._written(operation, word)

    def own(self, operation: Operation) -> str:
        """The weight of what has a fader itself, such as a form or an adapter."""
        return self._written(operation, "weight")

    def ever(self, operation: Operation) -> bool:
        """Whether what has a fader itself is heard at any evaluation."""
        return self._ever(("weight", operation.number))

    def switch(self, operation: Operation) -> str:
        """The column that says when something is heard; nothing where it always is."""
        key = self._key(operation)
        if all(row.get(key, 1.0) for row in self._course.rows):
            return ""
        return self._written(operation, key[0]).partition(" ")[0]

    def sounds(self, operation: Operation) -> bool:
        """Whether a score is heard at any evaluation: else all is as if it were not there."""
        return self._ever(self._key(source(self._draft.plan, operation)))

    def absent(self, operation: Operation) -> bool:
        """Whether the weight of a score is zero at an evaluation or in a sample."""
        operation = source(self._draft.plan, operation)
        numbers = [row[self._key(operation)] for row in self._course.rows]
        spread = self._spread(operation) if operation.op == "denoise" else ()
        swept = [value for part in spread if isinstance(part, Sweep) for value in part.values]
        dark = any(isinstance(part, Control) for part in spread)
        return not all(numbers) or not all(swept) or dark

    def whole(self, inputs: Sequence[Operation], *, begun: bool = True) -> bool:
        """Whether their weights are numbers that sum to one at every evaluation.

        Of those at pure noise alone where it is not `begun`.
        """
        heard, course = [source(self._draft.plan, each) for each in inputs], self._course
        keys = [self._key(each) for each in heard]
        spread = any(self._spread(each) for each in heard if each.op == "denoise")
        rows = [
            row
            for row, (level, _) in zip(course.rows, course.pairs, strict=True)
            if begun or level.alpha == 0.0
        ]
        sums = [sum(row[key] for key in keys) for row in rows]
        return not (spread and rows) and all(abs(each - 1.0) <= ROUNDED for each in sums)

    def always(self, inputs: Sequence[Operation]) -> bool:
        """Whether one of these scores is heard at every evaluation."""
        keys = [self._key(source(self._draft.plan, each)) for each in inputs]
        return all(any(row[key] for key in keys) for row in self._course.rows)

    def heard(self, numbers: set[int]) -> str:
        """When one of these is worked out, in Python; nothing if they always have to be."""
        if all(any(row["asked", each] for each in numbers) for row in self._course.rows):
            return ""
        keys = map(self._asked, sorted(numbers))
        return " or ".join(self._column(key) for key in keys if self._ever(key))

    def _asked(self, number: int) -> Key:
        """What says when an operation is worked out: its weight, where nobody else asks for it.

        A background or an anchor is asked whether or not anybody hears it.
        """
        rows = [(row.get(("weight", number)), row["asked", number]) for row in self._course.rows]
        alike = all(bool(weight) == bool(asked) for weight, asked in rows)
        return ("weight" if alike else "asked", number)

    def table(self) -> list[str]:
        """The line that reads the weights which change; their table becomes a constant."""
        if not self._columns:
            return []
        rows = [tuple(short(row[key]) for key in self._columns) for row in self._course.rows]
        name = f"WEIGHTS{self._draft.end}"
        self._draft.constants += [
            f"# {', '.join(self._columns.values())} at {self._course.when}",
            f"{name} = [",
            *(f"    ({', '.join(row)}{',' if len(row) == 1 else ''})," for row in rows),
            "]",
        ]
        comma = "," if len(self._columns) == 1 else ""
        return [f"{', '.join(self._columns.values())}{comma} = {name}[step]"]

    def _key(self, heard: Operation) -> Key:
        """What says of an expert or a fusion that it is heard."""
        return ("loud" if heard.op == "fuse" else "weight", heard.number)

    def _written(self, operation: Operation, word: str) -> str:
        key = (word, operation.number)
        spread = self._spread(operation) if word not in ("loud", "asked") else ()
        numbers = {short(row[key]) for row in self._course.rows}
        text = numbers.pop()
        if numbers:
            text = self._column(key)
        return " * ".join([text, *(self._factor(each) for each in spread)])

    def _column(self, key: Key) -> str:
        """The column of the table for what changes."""
        word, number = key
        node = self._draft.plan.operations[number].node
        return self._columns.setdefault(key, self._draft.names.of(key, f"{node}_{word}"))

    def _ever(self, key: Key) -> bool:
        return any(row[key] for row in self._course.rows)

    def _spread(self, operation: Operation) -> tuple[Any, ...]:
        return self._course.faders[operation.number].spread

    def _factor(self, factor: Any) -> str:
        """The variable of a factor that is one number for every sample or place."""
        if not isinstance(factor, Sweep):
            return self._map(factor)
        name = self._draft.names.of(("spread", factor), factor.axis)
        points = self._draft.points
        where = ("amounts", "by_sample") if points == 1 else ("plane", "by_point")
        self._draft.wanted.append(where)
        row = ", ".join(short(each) for each in factor.values)
        several = "" if points == 1 else f"{points}, "
        self._draft.open("", f"{name} = {where[1]}({several}{row})")
        return name

    def _map(self, control: Control) -> str:
        """The variable of a map; of one that is changed while it plays, what it is at a look."""
        draft = self._draft
        played = [str(values[control.name]) for values in self._course.values]
        pictures = list(dict.fromkeys(played))
        if pictures == [""]:
            return "1.0"
        panes, windows = draft.windows, "windows"
        if panes and draft.away:
            panes = panes.elsewhere(draft.shape[-1])
            windows = draft.names.of(("windows", panes), "windows_abroad")
            places = ", ".join(f"slice({at}, {at + panes.width})" for at in panes.starts)
            draft.open("", f"{windows} = [{places}]")
        size = (panes.whole if panes else draft.shape[-1], draft.shape[-2])
        name = draft.names.of(("spread", control.name, size), control.name.partition(".")[0])
        maps = [
            self._light(control, each, f"{name}_{number}" if len(pictures) > 1 else name, size)
            for number, each in enumerate(pictures, 1)
        ]
        if len(pictures) == 1:
            draft.open("", f"{name} = {maps[0]}")
            now = name
        else:
            draft.open("", "\n".join([f"{name} = [", *(f"    {each}," for each in maps), "]"]))
            which = [pictures.index(each) for each in played]
            note = f"which picture {name} is at {self._course.when}"
            now = f"{name}[{draft.row(f'WHICH_{name.upper()}', note, which)}[step]]"
        return f"{now}[..., {windows}[window]]" if panes else now

    def _light(self, control: Control, picture: str, name: str, size: tuple[int, int]) -> str:
        """A map of (w, h) places in Python; without a picture it is one everywhere."""
        draft = self._draft
        if not picture:
            return f"torch.ones({(1, 1, size[1], size[0])!r}, device=DEVICE)"
        grey = draft.library.assets.get(picture).convert("L")
        file = draft.file(name)
        draft.files[file] = png_of(grey.resize(size, Image.Resampling.BOX))
        draft.wanted.append(("amounts", "by_place"))
        low, high = control.low or 0.0, 1.0 if control.high is None else control.high
        return f"by_place(HERE / {text_of(file)}, {low!r}, {high!r})"
