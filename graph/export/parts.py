"""Pieces as text: what a file needs of them, with all that this needs in turn; nothing is run."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "pieces"
PACKAGE = "graph.export.pieces"
IMPORTS = 88
"""The longest line of an import."""
GIVEN = "settings"
"""The module whose names every file gives values of its own."""
KINDS = (
    "formulas",
    "experts",
    "onefile",
    "attending",
    "adapters",
    "lora",
    "changes",
    "bridge",
    "modulators",
    "maps",
    "guidance",
    "following",
    "likelihoods",
    "onlookers",
    "codec",
    "conventions",
    "betas",
    "schedules",
    "fusion",
    "forms",
    "samplers",
    "correctors",
)
"""In which order a reader meets them; before them what only serves, with the noise and decoding."""


@dataclass(frozen=True, slots=True)
class Part:
    """A function, class or constant of a piece, with the names that it takes from elsewhere."""

    module: str
    name: str
    text: str
    parameters: tuple[str, ...]
    names: frozenset[str]

    @property
    def constant(self) -> bool:
        """Whether it is one."""
        return not self.text.startswith(("def ", "class ", "@"))


@dataclass(frozen=True, slots=True)
class Piece:
    """A file of pieces: its parts by name, and where its other names come from."""

    parts: dict[str, Part]
    imports: dict[str, tuple[str, str | None]]
    """By name: the module, and what of it; None where it is the module itself."""

    def value(self, name: str) -> Any:
        """A constant that is written out; None if there is none of that name."""
        found = self.parts.get(name)
        return ast.literal_eval(found.text.partition("=")[2].strip()) if found else None


@cache
def piece(module: str) -> Piece:
    """The file `module`, such as fusion.product; FileNotFoundError if there is none."""
    text = (FOLDER / f"{module.replace('.', '/')}.py").read_text("utf-8")
    parts: dict[str, Part] = {}
    imports: dict[str, tuple[str, str | None]] = {}
    for node in ast.parse(text).body:
        match node:
            case ast.Import():
                imports |= {each.asname or each.name: (each.name, None) for each in node.names}
            case ast.ImportFrom() if node.module != "__future__":
                imports |= {each.name: (str(node.module), each.name) for each in node.names}
            case ast.FunctionDef() | ast.ClassDef():
                parts[node.name] = _part(module, node.name, node, text)
            case ast.Assign(targets=[ast.Name(id=name)]):
                parts[name] = _part(module, name, node, text)
            case _:
                continue
    return Piece(parts, imports)


def members(family: str) -> tuple[str, ...]:
    """The members of a family that can be exported, by the names of the registry."""
    return tuple(sorted(path.stem for path in (FOLDER / family).glob("[a-z]*.py")))


def needed(wanted: Iterable[tuple[str, str]]) -> tuple[list[Part], list[str]]:
    """The parts (module, name) that are wanted with all that these need, and lines of imports."""
    found: dict[tuple[str, str], Part] = {}
    imports: set[tuple[str, str, str | None]] = set()
    waiting = list(wanted)
    while waiting:
        module, name = waiting.pop()
        if (module, name) in found:
            continue
        source = piece(module)
        part = found[module, name] = source.parts[name]
        waiting += [(module, each) for each in part.names if each in source.parts]
        for each in part.names & source.imports.keys():
            origin, what = source.imports[each]
            if not origin.startswith(f"{PACKAGE}."):
                imports.add((each, origin, what))
            elif (inside := origin.removeprefix(f"{PACKAGE}.")) != GIVEN:
                waiting.append((inside, each))
    return sorted(found.values(), key=_place), list(import_lines(imports))


def import_lines(imports: Iterable[tuple[str, str, str | None]]) -> Iterator[str]:
    """Import statements from (name, module, what of it): Python's own first, then the others'."""
    groups: dict[bool, set[str]] = {True: set(), False: set()}
    taken: dict[str, set[str]] = {}
    for name, module, what in imports:
        if what is not None:
            taken.setdefault(module, set()).add(what)
        else:
            line = f"import {module}" + ("" if name == module else f" as {name}")
            groups[_own(module)].add(line)
    for module, names in taken.items():
        inside = ", ".join(sorted(names, key=lambda name: (name.islower(), name.lower())))
        groups[_own(module)].add(f"from {module} import {inside}")
    for own in (True, False):
        plain = {line for line in groups[own] if line.startswith("import")}
        yield from (*sorted(plain), *sorted(groups[own] - plain, key=str.lower))
        if own and groups[True] and groups[False]:
            yield ""


def folded(line: str) -> str:
    """An import statement as formatters have it where it is long."""
    if len(line) <= IMPORTS:
        return line
    head, _, names = line.partition(" import ")
    rows = "".join(f"    {name},\n" for name in names.split(", "))
    return f"{head} import (\n{rows})"


def _own(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


def _part(module: str, name: str, node: ast.stmt, text: str) -> Part:
    marks = node.decorator_list if isinstance(node, ast.FunctionDef | ast.ClassDef) else []
    first = min([node.lineno, *(mark.lineno for mark in marks)])
    lines = text.splitlines()[first - 1 : node.end_lineno]
    names = frozenset(each.id for each in ast.walk(node) if isinstance(each, ast.Name))
    return Part(module, name, "\n".join(lines), _parameters(node), names - {name})


def _parameters(node: ast.stmt) -> tuple[str, ...]:
    """Of a function; of a class, those of its `encode`."""
    if isinstance(node, ast.ClassDef):
        inner = [each for each in node.body if isinstance(each, ast.FunctionDef)]
        return next((_parameters(each)[1:] for each in inner if each.name == "encode"), ())
    return tuple(each.arg for each in node.args.args) if isinstance(node, ast.FunctionDef) else ()


def _place(part: Part) -> tuple[int, str, int]:
    kind = part.module.partition(".")[0]
    order = list(piece(part.module).parts).index(part.name)
    return (
        -1 if part.constant else KINDS.index(kind) if kind in KINDS else len(KINDS),
        part.module,
        order,
    )
