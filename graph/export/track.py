"""One track as the function that samples it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from PIL import Image

from graph.events import Performance
from graph.export import choosing
from graph.export.amounts import Amounts
from graph.export.asking import Asking
from graph.export.bending import through
from graph.export.bridging import codec
from graph.export.correcting import Correcting
from graph.export.course import Course
from graph.export.draft import Draft
from graph.export.naming import Names
from graph.export.scoring import Scoring
from graph.export.weighing import stretches
from graph.export.wording import counted, png_of, row_of, text_of, wrapped
from graph.library import Library
from graph.panes import Panes
from graph.pictures import fit, region
from graph.plan import Choice, Operation, Plan

BACKWARD = "x = x.detach().requires_grad_()  # a gradient finds its way back through the networks"


class Track:
    """Writes the sampling of one `decode` operation."""

    def __init__(
        self,
        plan: Plan,
        library: Library,
        decode: Operation,
        number: int,
        stem: str,
        names: Names,
        performance: Performance | None,
    ) -> None:
        self._sample = plan.operations[decode.inputs[0].number]
        self._told = dict(self._sample.settings)
        self._noise, self._score = (plan.operations[ref.number] for ref in self._sample.inputs)
        shape: Any = self._noise["shape"]
        samples: Any = self._noise["samples"]
        self._draft = Draft(
            plan,
            library,
            number,
            stem,
            names,
            performance,
            shape,
            f"seed={self._noise['seed']}, track={number}, samples={row_of(samples)}",
        )
        points: Any = dict(self._noise.settings).get("points", 1)
        self._draft.points = points
        size: Any = dict(self._noise.settings).get("size")
        self._draft.size = size
        wide: Any = dict(self._sample.settings).get("wide", 1)
        if wide > 1:
            self._draft.windows = Panes.over(shape[-1] // wide, wide)
        self._course = Course(plan, self._sample, self._score, performance)
        self._amounts = Amounts(self._draft, self._course)
        self._asking = Asking(self._draft, self._amounts)
        self._correcting = Correcting(self._draft, self._course, self._sample)

    @property
    def end(self) -> str:
        """What tells the names of later tracks from those of the first."""
        return self._draft.end

    @property
    def wanted(self) -> Sequence[tuple[str, str]]:
        """Pieces that it calls: (module, name)."""
        return self._draft.wanted

    @property
    def files(self) -> Mapping[str, bytes]:
        """What lies beside the file, by name."""
        return self._draft.files

    @property
    def constants(self) -> Sequence[str]:
        """Lines above all functions."""
        return self._draft.constants

    @property
    def finish(self) -> tuple[tuple[str, str], str]:
        """What makes pictures of the states, and its call."""
        states = f"sample{self.end}()"
        if self._draft.points > 1:
            return ("plane", "plotted"), f"plotted({states}, {self._draft.points})"
        lead = self._asking.lead
        if lead is None:
            return ("decoding", "pictures"), f"pictures({states})"
        module, name = choosing.decoder(lead)
        told = "" if name == "pictures" else f"{choosing.place(lead, self._draft.library)}, "
        return (module, name), f"{name}({told}{states})"

    def lines(self) -> list[str]:
        """The function `sample`, line by line."""
        draft = self._draft
        denoise = [*self._denoise(), *self._kept()]
        walk = self._walk(denoise)
        steps: Any = self._sample["steps"]
        strength: Any = self._told.get("strength", 1.0)
        schedule, parts = choosing.levels(self._choice("schedule"), steps, strength)
        draft.wanted += [("conventions", "Level"), *parts]
        samples: Any = self._noise["samples"]
        begun = self._begun()
        inside = [
            f'"""The clean states of {counted(len(samples), "picture")}."""',
            *self._windows(),
            *(
                row
                for each in draft.opening.values()
                for lines in each
                for line in lines.split("\n")
                for row in wrapped(line)
            ),
            *wrapped(f"levels = {schedule}"),
            *([f"draw = {draft.drawing('sampler')}"] if draft.draws else []),
            *self._correcting.opening(),
            *draft.remembering(),
            "",
            *denoise,
            "",
            f"noise = {draft.drawing('noise')}",
            begun,
            *walk,
        ]
        return [
            "@torch.no_grad()",
            f"def sample{draft.end}() -> Tensor:",
            *(f"    {line}" if line else "" for line in inside),
        ]

    def _begun(self) -> str:
        """The line of the state that it begins with: noise, over a picture where it has one."""
        start: Any = self._told.get("start")
        if start is None:
            return "x = levels[0][1] * noise()"
        draft, made = self._draft, "codec"
        models = list(self._asking.models.values())
        if models:
            made = codec(draft, models[-1])
        else:  # states of formulas are pictures themselves
            draft.open(made, f"{made} = Pixels()")
            draft.wanted.append(("codec", "Pixels"))
        scale = models[-1].space.scale if models else 1
        size = draft.shape[-1] * scale, draft.shape[-2] * scale
        file = draft.file(f"start{draft.end}")
        draft.files[file] = png_of(fit(draft.library.assets.get(start.value.sha256), size))
        where: Any = self._told.get("where")
        if where is not None:
            painted = region(draft.library.assets.get(where.value.sha256), size)
            place = draft.file(f"where{draft.end}")
            draft.files[place] = png_of(Image.fromarray(painted))
            draft.wanted.append(("starting", "places_of"))
            told = f"Image.open(HERE / {text_of(place)})"
            draft.open(made, f"where = places_of({told}, {scale})")
        draft.wanted.append(("starting", "state_of"))
        draft.open(made, f"start = state_of({made}, Image.open(HERE / {text_of(file)}))")
        return "x = levels[0][0] * start + levels[0][1] * noise()"

    def _choice(self, name: str) -> Choice:
        choice: Any = self._sample[name]
        return choice

    def _denoise(self) -> list[str]:
        """The denoiser inside, line by line."""
        body = self._draft.body
        scoring = Scoring(self._draft, self._course, self._amounts, self._asking)
        result, _ = scoring.estimate(self._score)
        backward = through(filter(self._amounts.ever, self._course.guides))
        if backward:
            body.append(f"return {result}.detach()")
        elif body and body[-1].startswith(f"{result} = "):
            body[-1] = f"return {body[-1].removeprefix(f'{result} = ')}"
        else:
            body.append(f"return {result}")
        calls, table = self._asking.calls(), self._amounts.table()
        inside = [
            *([BACKWARD] if backward else []),
            *table,
            *self._forgotten(),
            *calls,
            *self._correcting.seeing(self._asking, body),
        ]
        lines = [f"    {line}" if line else "" for each in inside for line in wrapped(each)]
        marks = ["@torch.enable_grad()"] if backward else []
        if self._draft.windows:
            return [*marks, *self._by_windows(lines)]
        return [
            *marks,
            f"def {self._whole}(x: Tensor, level: Level, step: int) -> Tensor:",
            '    """D(x): the clean picture that all experts together expect."""',
            *lines,
        ]

    @property
    def _whole(self) -> str:
        """What the denoiser of the whole canvas is called that the experts are asked by."""
        return "denoise_anew" if "where" in self._told else "denoise"

    def _kept(self) -> list[str]:
        """The denoiser that keeps the picture where nothing may change, if there is a region."""
        if "where" not in self._told:
            return []
        return [
            "",
            "def denoise(x: Tensor, level: Level, step: int) -> Tensor:",
            '    """D(x): outside of the region what is started from, so that it stays."""',
            f"    return torch.where(where, {self._whole}(x, level, step), start)",
        ]

    def _windows(self) -> list[str]:
        """The line that says what the windows of a panorama see."""
        windows = self._draft.windows
        if windows is None:
            return []
        places = f"slice(start, start + {windows.width})"
        starts = row_of(windows.starts)
        if starts.startswith("list("):
            starts = starts[len("list(") : -1]
        return [f"windows = [{places} for start in {starts}]"]

    def _by_windows(self, lines: Sequence[str]) -> list[str]:
        """The denoiser of a window, and that of a panorama, which puts its windows together."""
        self._draft.wanted.append(("windows", "joined"))
        every = "denoise_window(x[..., here], level, step, number)"
        return [
            "def denoise_window(x: Tensor, level: Level, step: int, window: int) -> Tensor:",
            '    """D(x) of one window: the clean picture that all experts together expect."""',
            *lines,
            "",
            f"def {self._whole}(x: Tensor, level: Level, step: int) -> Tensor:",
            '    """D(x): what the windows say, put together."""',
            "    parts = [",
            f"        {every} for number, here in enumerate(windows)",
            "    ]",
            "    return joined(parts, windows)",
        ]

    def _forgotten(self) -> Iterator[str]:
        """Where an expert joins or leaves between the looks of a step."""
        for name, looks in self._draft.memories.items():
            within = [look for look in looks if look < self._course.sampled]
            if within:
                yield f"if step in {row_of(within)}:  # an expert joins or leaves"
                yield f"    {self._draft.remembered(name)}.clear()"

    def _call(self, steps: str) -> str:
        """The call of the sampler over some steps."""
        found = choosing.chosen("samplers", self._choice("sampler"))
        if found is None:
            raise LookupError(str(self._sample["sampler"]))
        self._draft.wanted.append((found.part.module, found.part.name))
        words = ["denoise", "x", "levels", steps]
        if "draw" in found.part.parameters:
            words.append("draw")
            self._draft.draws = True
        return f"{found.part.name}({', '.join([*words, *found.keywords])})"

    def _walk(self, denoise: Sequence[str]) -> list[str]:
        """All steps at once, or stretch by stretch where experts join or leave, or one by one."""
        if self._correcting:
            return self._correcting.walk(self._call("range(step, step + 1)"), denoise)
        walked = list(stretches(self._course.sounding))
        if len(walked) == 1:
            return [f"return {self._call(f'range({self._course.steps})')}"]
        ranges = ", ".join(f"range({first}, {last})" for first, last in walked)
        return [
            "# where an expert joins or leaves, what solver and rules remember is void",
            f"for steps in ({ranges}):",
            *(
                f"    {line}"
                for name in self._draft.memories
                for line in self._draft.forgetting(name)
            ),
            f"    x = {self._call('steps')}",
            "return x",
        ]
