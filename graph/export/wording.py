"""Wording: how lines, numbers and files of an export are written."""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from PIL import Image

from graph.library import Model

if TYPE_CHECKING:
    from graph.export.choosing import Chosen

CALL = re.compile(r"\s*(return |[\w, ]+ = )(\w+ \+ )?([\w. *]+ \* )?[\w.]+\(.*\)$")
LONGEST = 92
"""Of a line, before it is set in."""
EVEN = 4
"""So many numbers are written out though they lie evenly."""


def wrapped(line: str, longest: int = LONGEST) -> list[str]:
    """A line that ends in a call, or in a choice between one and another, in several if long."""
    if len(line) <= longest or not CALL.match(line):
        return [line]
    code, margin = line.strip().encode(), " " * (len(line) - len(line.lstrip()))
    found = list(ast.walk(ast.parse(code)))

    def text(node: Any) -> str:
        return code[node.col_offset : node.end_col_offset].decode()

    choices = [
        each for each in found if isinstance(each, ast.IfExp) and each.end_col_offset == len(code)
    ]
    if choices:
        either = choices[0]
        rows = [text(either.body), f"if {text(either.test)}", f"else {text(either.orelse)}"]
        head = code[: either.col_offset].decode()
        return [f"{margin}{head}(", *(f"{margin}    {row}" for row in rows), f"{margin})"]
    calls = [each for each in found if isinstance(each, ast.Call)]
    last = next(each for each in calls if each.end_col_offset == len(code))
    words = [*last.args, *last.keywords]
    if not words:
        return [line]
    head = code[: words[0].col_offset].decode()
    return [f"{margin}{head}", *(f"{margin}    {text(each)}," for each in words), f"{margin})"]


def inside(managers: Sequence[str], lines: Sequence[str]) -> list[str]:
    """Lines within context managers, if there are any."""
    if not managers:
        return [*lines]
    head = [f"with {', '.join(managers)}:"]
    if len(head[0]) > LONGEST:
        head = ["with (", *(f"    {each}," for each in managers), "):"]
    return [*head, *(f"    {line}" for line in lines)]


def call_of(chosen: Chosen, known: Mapping[str, str]) -> str:
    """The call of a chosen function; `known` are its arguments by name."""
    words = [known[each] for each in chosen.part.parameters if each in known]
    return f"{chosen.part.name}({', '.join([*words, *chosen.keywords])})"


def text_of(words: str) -> str:
    """A text as Python writes it."""
    plain = words.isprintable() and not {'"', "\\"} & set(words)
    return f'"{words}"' if plain else repr(words)


def line_of(words: str) -> str:
    """Words for a comment or docstring: one line, and nothing that ends either."""
    shown = "".join(each if each.isprintable() else "?" for each in " ".join(words.split()))
    return shown.replace("\\", "\\\\").replace('"""', "'''")


def row_of(values: Any) -> str:
    """A list as Python writes it; whole numbers that lie evenly as a range."""
    row = list(values)
    steps = {later - earlier for earlier, later in pairwise(row)}
    if len(row) > EVEN and len(steps) == 1 and all(isinstance(each, int) for each in row):
        (step,) = steps
        if step == 0:
            return f"[{row[0]}] * {len(row)}"
        return f"list(range({row[0]}, {row[-1] + step}, {step}))"
    return f"[{', '.join(map(repr, row))}]"


def short(value: float) -> str:
    """A number in nine digits."""
    return repr(float(f"{value:.9g}"))


def last_of(model: Model) -> str:
    """What a model is called within its folder."""
    return model.name.rpartition("/")[2].removesuffix(".safetensors")


def counted(count: int, word: str) -> str:
    """How many there are of something."""
    return f"one {word}" if count == 1 else f"{count} {word}s"


def png_of(picture: Image.Image) -> bytes:
    """The bytes of a file."""
    file = io.BytesIO()
    picture.save(file, "png")
    return file.getvalue()
