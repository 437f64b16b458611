"""A draft: what was written of a track so far, and what it needs beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from graph.events import Performance
from graph.export.naming import Names
from graph.library import Library
from graph.plan import Plan


@dataclass
class Draft:
    """The parts of a track's function as they come to be; everything that writes adds to it."""

    plan: Plan
    library: Library
    number: int
    stem: str
    names: Names
    performance: Performance | None
    shape: tuple[int, ...]
    wanted: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Pieces that it calls: (module, name)."""
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """What lies beside the file, by name."""
    constants: list[str] = field(default_factory=list[str])
    """Lines above all functions."""
    opening: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Lines before the sampling, those about one network together."""
    memories: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    """Variables of what rules remember from look to look, with the looks at which it is void."""
    body: list[str] = field(default_factory=list[str])
    """Lines of the denoiser, after the networks were asked."""
    draws: bool = False
    """Whether fresh noise is drawn while it is sampled."""

    @property
    def end(self) -> str:
        """What tells the names of later tracks from those of the first."""
        return "" if self.number == 0 else f"_{self.number + 1}"

    def open(self, about: str, line: str) -> None:
        """A line before the sampling, about a network or about nothing."""
        lines = self.opening.setdefault(about, [])
        if line not in lines:
            lines.append(line)

    def file(self, name: str, ending: str = "png") -> str:
        """The name of a picture or table beside the exported file."""
        return f"{self.stem}-{name.replace('_', '-')}.{ending}"

    def row(self, name: str, note: str, numbers: Sequence[float]) -> str:
        """The name of a constant that holds a number for every step."""
        name = f"{name}{self.end}"
        lines = [f"# {note}", f"{name} = [{', '.join(f'{each:.9g}' for each in numbers)}]"]
        if lines[0] not in self.constants:
            self.constants += lines
        return name
