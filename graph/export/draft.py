"""A draft: what was written of a track so far, and what it needs beside it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from PIL import Image

from graph.events import Performance
from graph.export.naming import Names
from graph.export.wording import inside, png_of, text_of
from graph.library import Library, Model
from graph.panes import Panes
from graph.plan import Plan

Fit = Callable[[Image.Image], Image.Image]
"""How a picture is brought to a canvas."""


HOME = "x"
"""The variable of the state that is sampled."""


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
    """Of the state that is written about."""
    drawn: str
    """Whose noise it is, as arguments in Python: seed, track and samples."""
    state: str = HOME
    """The variable of the state that is written about."""
    wanted: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Pieces that it calls: (module, name)."""
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """What lies beside the file, by name."""
    constants: list[str] = field(default_factory=list[str])
    """Lines above all functions."""
    opening: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """What comes before the sampling, a line or several; that about one network together."""
    memories: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    """Variables of what rules remember from look to look, with the looks at which it is void."""
    body: list[str] = field(default_factory=list[str])
    """Lines of the denoiser, after the networks were asked."""
    draws: bool = False
    """Whether fresh noise is drawn while it is sampled."""
    points: int = 1
    """How many points every sample stands for."""
    windows: Panes | None = None
    """Those of a panorama."""
    size: tuple[int, int] | None = None
    """Width and height that are asked for, where they are not the experts' own."""
    _paned: set[str] = field(default_factory=set[str])

    @property
    def end(self) -> str:
        """What tells the names of later tracks from those of the first."""
        return "" if self.number == 0 else f"_{self.number + 1}"

    @property
    def frame(self) -> tuple[object, ...]:
        """What tells apart the files that tracks show of one picture."""
        return self.size, self.windows

    @property
    def away(self) -> bool:
        """Whether it is a state beyond a bridge that is written about."""
        return self.state != HOME

    def named(self, key: tuple[object, ...], words: str) -> str:
        """The name of what is worked out at the state that is written about."""
        return self.names.of((self.state, key), words)

    def drawing(self, role: str) -> str:
        """The call that makes the draws for states."""
        kind = "Draws" if self.points == 1 else "Points"
        self.wanted.append(("draws" if self.points == 1 else "plane", kind))
        shape = self.shape if self.points == 1 else (self.points, *self.shape)
        return f"{kind}({text_of(role)}, {self.drawn}, shape={shape!r})"

    def picture(self, name: str, picture: Image.Image, canvas: tuple[int, int], fitted: Fit) -> str:
        """A picture as it is read, `fitted` to the canvas; in a panorama every window's part."""
        return f"Image.open({self.parts(name, picture, canvas, lambda each: png_of(fitted(each)))})"

    def parts(
        self,
        name: str,
        picture: Image.Image,
        canvas: tuple[int, int],
        made: Callable[[Image.Image], bytes],
        ending: str = "png",
    ) -> str:
        """The file that is `made` of a picture; in a panorama of every window's part."""
        parts, mark = [picture], ""
        if self.windows:
            parts, mark = self.windows.panes(picture, canvas), "_{number}"
        for number, part in enumerate(parts, 1):
            self.files[self.file(name + mark.format(number=number), ending)] = made(part)
        return f"HERE / {'f' if mark else ''}{text_of(self.file(name + mark, ending))}"

    def model(self, name: str) -> Model:
        """A model of the library, with the canvas that it paints on here."""
        found = self.library.model(name)
        return replace(found, space=found.space.sized(*self.size)) if self.size else found

    def wide(self, canvas: tuple[int, int]) -> tuple[int, int]:
        """The canvas of the whole, (w, h)."""
        return (canvas[0] * self.windows.times, canvas[1]) if self.windows else canvas

    def tell(
        self, about: str, name: str, call: str, *, shown: bool, within: Sequence[str] = ()
    ) -> None:
        """A variable for what is told to a network; in a panorama of what is shown every part."""
        lines = [f"{name} = {call}"]
        if shown and self.windows:
            self._paned.add(name)
            every = f"for number in range(1, {len(self.windows.starts) + 1})"
            lines = [f"{name} = [", f"    {call}", f"    {every}", "]"]
        self.open(about, "\n".join(inside(within, lines)))

    def told(self, name: str) -> str:
        """What is told, where it is asked."""
        return f"{name}[window]" if name in self._paned else name

    def remembered(self, name: str) -> str:
        """A memory where it is used; every window has its own."""
        return f"{name}[window]" if self.windows else name

    def remembering(self) -> list[str]:
        """The lines that make the memories."""
        made = "[{} for _ in windows]" if self.windows else "{}"
        return [f"{each} = {made}" for each in self.memories]

    def forgetting(self, name: str) -> list[str]:
        """The lines that make a memory void."""
        if not self.windows:
            return [f"{name}.clear()"]
        return [f"for memory in {name}:", "    memory.clear()"]

    def open(self, about: str, lines: str) -> None:
        """A line or several before the sampling, about a network or about nothing; once."""
        found = self.opening.setdefault(about, [])
        if lines not in found:
            found.append(lines)

    @contextmanager
    def abroad(self, state: str, shape: tuple[int, ...]) -> Generator[list[str]]:
        """Within it another state is written about, and lines of the denoiser are set apart."""
        kept, lines = (self.state, self.shape, self.body), list[str]()
        self.state, self.shape, self.body = state, shape, lines
        try:
            yield lines
        finally:
            self.state, self.shape, self.body = kept

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
