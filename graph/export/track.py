"""One track as the function that samples it, with the numbers that it reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from graph.controls import Controls
from graph.events import Performance
from graph.export import choosing
from graph.export.naming import Names
from graph.export.weighing import faders, inputs_of, stretches, weighed
from graph.export.wording import (
    call_of,
    counted,
    last_of,
    line_of,
    png_of,
    row_of,
    short,
    text_of,
    wrapped,
)
from graph.levels import NoiseLevel
from graph.library import Library, Model
from graph.pictures import on_canvas, prepare
from graph.plan import Asset, Choice, Condition, Control, Operation, Plan, Sweep

NULL = "null"
Key = tuple[str, int]
"""What has a weight: ("weight" or "plain", the number of its operation)."""


@dataclass
class Track:
    """Writes the sampling of one `decode` operation; what it finds on the way is kept here."""

    plan: Plan
    library: Library
    decode: Operation
    number: int
    stem: str
    names: Names
    performance: Performance | None
    wanted: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    models: dict[str, Model] = field(default_factory=dict[str, Model])
    constants: list[str] = field(default_factory=list[str])
    _opening: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    _asked: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    _body: list[str] = field(default_factory=list[str])
    _memories: list[str] = field(default_factory=list[str])
    _answers: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    _voices: dict[str, set[int]] = field(default_factory=dict[str, set[int]])
    _columns: dict[Key, str] = field(default_factory=dict[Key, str])
    _rows: list[dict[Key, float]] = field(default_factory=list[dict[Key, float]])
    _sounding: list[frozenset[int]] = field(default_factory=list[frozenset[int]])
    _drawn: bool = False

    def __post_init__(self) -> None:
        self.sample = self.plan.operations[self.decode.inputs[0].number]
        self.noise, self.score = (self.plan.operations[ref.number] for ref in self.sample.inputs)
        sampler: Any = self.sample["sampler"]
        schedule: Any = self.sample["schedule"]
        steps: Any = self.sample["steps"]
        self.sampler = choosing.member("samplers", sampler)
        self.levels: Sequence[NoiseLevel] = choosing.member("schedules", schedule).levels(steps)
        self.steps: int = steps
        self.shape: Any = self.noise["shape"]
        self._weigh()

    def _weigh(self) -> None:
        """The weight of every expert, form and fusion at every evaluation, as numbers."""
        experts, forms = faders(self.plan, self.score)
        controls = Controls(self.plan.controls, self.performance)
        for step in range(self.steps):
            values = controls.read(step)
            looked = self.levels[step : step + self.sampler.calls_per_step]
            for here in (each for each in looked if each.sigma > 0):  # none looks at clean
                numbers = weighed(experts, here, values) | weighed(forms, here, values)
                row: dict[Key, float] = {("weight", each): w for each, w in numbers.items()}
                for number, each in experts.items():
                    guidance = abs(each.guidance(values)) or 1.0
                    row["plain", number] = numbers[number] / guidance
                if here is self.levels[step]:
                    heard = (number for number, weight in numbers.items() if weight != 0)
                    self._sounding.append(frozenset(heard))
                self._rows.append(row)
        for root in self.plan.below(self.score):
            if root.op in ("fuse", "form"):
                below = list(faders(self.plan, root)[0])
                for row in self._rows:
                    loud = any(row.get(("weight", each)) for each in below)
                    row["loud", root.number] = float(loud)

    def lines(self) -> list[str]:
        """The function `sample`, line by line."""
        result, _ = self._estimate(self.score)
        if self._body and self._body[-1].startswith(f"{result} = "):
            self._body[-1] = f"return {self._body[-1].removeprefix(f'{result} = ')}"
        else:
            self._body.append(f"return {result}")
        body = [*self._read_weights(), *self._asks(), *self._body]
        end = "" if self.number == 0 else f"_{self.number + 1}"
        found = choosing.chosen("samplers", self._choice("sampler"))
        schedule, parts = choosing.levels(self._choice("schedule"), self.steps)
        if found is None:
            raise LookupError(str(self.sample["sampler"]))
        self.wanted += [("draws", "Draws"), *parts, (found.part.module, found.part.name)]
        walked = list(stretches(self._sounding))
        steps = f"range({self.steps})" if len(walked) == 1 else "steps"
        words = ["denoise", "x", "levels", steps]
        if "draw" in found.part.parameters:
            words.append("draw")
            self._drawn = True
        call = f"x = {found.part.name}({', '.join([*words, *found.keywords])})"
        samples, seed = self.noise["samples"], self.noise["seed"]
        drawn = f"seed={seed}, track={self.number}, samples={row_of(samples)}, shape={self.shape!r}"
        lines = [
            "@torch.no_grad()",
            f"def sample{end}() -> Tensor:",
            f'    """The clean states of {counted(len(samples), "picture")}."""',  # pyright: ignore[reportArgumentType]
            *(f"    {line}" for lines in self._opening.values() for line in lines),
            *(f"    {line}" for line in wrapped(f"levels = {schedule}")),
        ]
        if self._drawn:
            lines.append(f'    draw = Draws("sampler", {drawn})')
        lines += [f"    {each} = {{}}" for each in self._memories]
        lines += [
            "",
            "    def denoise(x: Tensor, level: Level, step: int) -> Tensor:",
            '        """D(x): the clean picture that all experts together expect."""',
            *(f"        {line}" for each in body for line in wrapped(each)),
            "",
            f'    noise = Draws("noise", {drawn})',
            "    x = levels[0][1] * noise()",
        ]
        if len(walked) == 1:
            lines.append(f"    return {call.removeprefix('x = ')}")
        else:
            ranges = ", ".join(f"range({first}, {last})" for first, last in walked)
            lines += [
                "    # where an expert joins or leaves, what solver and rules remember is void",
                f"    for steps in ({ranges}):",
                *(f"        {each}.clear()" for each in self._memories),
                f"        {call}",
                "    return x",
            ]
        self.wanted.append(("conventions", "Level"))
        return lines

    @property
    def lead(self) -> Model:
        """The model whose autoencoder makes the pictures."""
        return list(self.models.values())[-1]

    def _choice(self, name: str) -> Choice:
        choice: Any = self.sample[name]
        return choice

    def _read_weights(self) -> list[str]:
        """The weights that change, from a table with a row for every evaluation."""
        if not self._columns:
            return []
        end = "" if self.number == 0 else f"_{self.number + 1}"
        twice = self.sampler.calls_per_step > 1
        rows = [tuple(short(row[key]) for key in self._columns) for row in self._rows]
        self.constants += [
            f"# {', '.join(self._columns.values())} at every {'evaluation' if twice else 'step'}",
            f"WEIGHTS{end} = [",
            *(f"    ({', '.join(row)}{',' if len(row) == 1 else ''})," for row in rows),
            "]",
        ]
        comma = "," if len(self._columns) == 1 else ""
        return [f"{', '.join(self._columns.values())}{comma} = WEIGHTS{end}[step]"]

    def _asks(self) -> list[str]:
        """One batched call a network."""
        lines: list[str] = []
        for network, conditions in self._asked.items():
            answers = [self._answers[network, each] for each in conditions]
            comma = "," if len(answers) == 1 else ""
            call = f"{network}(x, level, [{', '.join(conditions)}])"
            heard = self._heard(network)
            if heard:  # where nobody listens, anything will do
                call += f" if {heard} else ({', '.join('x' for _ in answers)}{comma})"
            lines.append(f"{', '.join(answers)}{comma} = {call}")
        return lines

    def _heard(self, network: str) -> str:
        """When a network is heard, in Python; nothing if it always has to be asked."""
        keys = [("weight", number) for number in sorted(self._voices[network])]
        if any(word == "loud" and not row[word, n] for row in self._rows for word, n in row):
            return ""  # where all are silent, their nulls are painted
        if any(key not in row for key in keys for row in self._rows):
            return ""  # a background has no weight
        if all(any(row[key] for key in keys) for row in self._rows):
            return ""
        return " or ".join(self._columns[key] for key in keys if key in self._columns)

    def _estimate(self, operation: Operation) -> tuple[str, str]:
        """The variables of a score's estimate and of what it is measured against by itself."""
        if operation.op == "denoise":
            return self._voice(operation), self._null(operation)
        forms: list[Operation] = []
        while operation.op == "form":
            forms.insert(0, operation)
            operation = self.plan.operations[operation.inputs[0].number]
        return self._merge(operation, forms)

    def _voice(self, operation: Operation) -> str:
        condition: Any = operation["condition"]
        return self._answer(operation, condition)

    def _null(self, operation: Operation) -> str:
        """What says of its null; asked for only where somebody looks at it."""
        return f"{NULL} {operation.number}"

    def _asked_null(self, null: str) -> str:
        """The variable of a null, which from here on is asked for."""
        word, _, number = null.partition(" ")
        return self._answer(self.plan.operations[int(number)], None) if word == NULL else null

    def _answer(self, operation: Operation, condition: Condition | None) -> str:
        """The variable of an expert's answer to a condition, asked in its network's one call."""
        network, model = self._network(operation)
        asked = self._condition(operation, network, model, condition)
        network = self._twin(operation, network)
        key = (network, asked)
        if key not in self._answers:
            name = network.removeprefix("ask_")
            words = operation.node if condition else f"{name}_null"
            self._answers[key] = self.names.of(key, words)
            self._asked.setdefault(network, []).append(asked)
        self._voices.setdefault(network, set()).add(operation.number)
        return self._answers[key]

    def _twin(self, operation: Operation, network: str) -> str:
        """The network that is asked: the expert's own, or its weak twin."""
        blocks: Any = dict(operation.settings).get("without", ())
        if not blocks:
            return network
        twin = self.names.of(("twin", network, blocks), f"{network}_weakly")
        self.wanted.append(("twins", "without"))
        self._open(network, f"{twin} = without({network}, {row_of(blocks)})")
        return twin

    def _network(self, operation: Operation) -> tuple[str, Model]:
        model = self.library.model(str(operation["expert"]))
        name = self.names.of(("network", self.number, model.name), f"ask_{last_of(model)}")
        if model.name not in self.models:
            self.models[model.name] = model
            part = choosing.network(model)
            if part is None:
                raise LookupError(model.name)
            denoised, parts = choosing.convention(model)
            self.wanted += [(part.module, part.name), *parts]
            self._open(name, f"{name} = {part.name}({text_of(model.name)}, {denoised})")
        return name, model

    def _condition(
        self, operation: Operation, network: str, model: Model, condition: Condition | None
    ) -> str:
        """The variable of an encoded condition, or of none."""
        key = ("condition", network, repr(condition))
        fresh = f"no_{last_of(model)}"
        if condition is not None:
            fresh = choosing.WORDS[model.card.condition]
            fresh = model.card.condition if fresh == "picture" else fresh
        name = self.names.of(key, fresh)
        line, note = f"{name} = {network}.encode(", ""
        if condition is None:
            line += "None)"
        elif isinstance(condition.value, Asset):
            line += f"Image.open(HERE / {text_of(self._picture(operation, model, condition))}))"
        elif condition.kind == "class":
            line += f"{model.card.labels.index(condition.value)})"
            note = f"  # {line_of(condition.value)}"
        else:
            lower = bool(model.card.vocabulary)  # such vocabularies hold lower case
            line += f"{text_of(condition.value.lower() if lower else condition.value)})"
        self._open(network, line + note)
        return name

    def _picture(self, operation: Operation, model: Model, condition: Condition) -> str:
        """The file of a picture as an expert was shown them: on the canvas, in its colours."""
        value: Any = condition.value
        stored = self.library.assets.get(value.sha256)
        canvas: Any = dict(self.noise.settings).get("size", model.canvas)
        shown = prepare(stored, condition.steps, canvas)
        kind = model.card.condition
        thing = ("file", repr(condition), model.name)
        name = self._file(self.names.of(thing, f"{operation.node}_shown"))
        self.files[name] = png_of(on_canvas(kind, shown, canvas, model.card.palette))
        return name

    def _file(self, name: str) -> str:
        """The name of a picture beside the exported file."""
        return f"{self.stem}-{name.replace('_', '-')}.png"

    def _merge(self, operation: Operation, forms: Sequence[Operation]) -> tuple[str, str]:
        inputs, wired = inputs_of(self.plan, operation)
        if all(row["loud", operation.number] for row in self._rows):
            inputs = [each for each in inputs if self._sounds(each)]
        found = [self._estimate(each) for each in inputs]
        clean, nulls = [each for each, _ in found], [each for _, each in found]
        choice: Any = operation["rule"]
        rule = choosing.chosen("fusion", choice)
        if rule is None:
            raise LookupError(str(choice))
        if wired is None or "nulls" in rule.part.parameters:
            nulls = [self._asked_null(each) for each in nulls]
        weights = [self._weight(each, "weight") for each in inputs]
        base = self._estimate(wired)[0] if wired else self._background(operation, inputs, nulls)
        given = {
            "clean": f"[{', '.join(clean)}]",
            "nulls": f"[{', '.join(nulls)}]",
            "base": base,
            **self._moment(rule.part.parameters, ("memory", operation.number), operation.node),
        }
        self.wanted.append((rule.part.module, rule.part.name))

        def call(weights: Iterable[str]) -> str:
            known = {**given, "weights": f"[{', '.join(weights)}]"}
            return call_of(rule, known)

        name = self.names.of(("merge", operation.number), operation.node)
        self._body.append(f"{name} = {call(weights)}")
        if forms:
            plain = self.names.of(("plain", operation.number), f"{name}_plain")
            self._body.append(f"{plain} = {call([self._weight(x, 'plain') for x in inputs])}")
            for each in forms:
                self._form(each, name, plain, base)
        return name, base

    def _form(self, operation: Operation, guided: str, plain: str, base: str) -> None:
        """The fusion in another form, as far as the form's reliability says."""
        choice: Any = operation["form"]
        form = choosing.chosen("forms", choice)
        if form is None:
            raise LookupError(str(choice))
        self.wanted.append((form.part.module, form.part.name))
        memory = ("memory", operation.number)
        known = self._moment(form.part.parameters, memory, operation.node)
        changed = call_of(form, {"guided": guided, "plain": plain, "base": base, **known})
        weight = self._weight(operation, "weight")
        if weight == "1.0":
            self._body.append(f"{guided} = {changed}")
        else:
            formed = self.names.of(("formed", operation.number), f"{operation.node}_formed")
            self._body.append(f"{formed} = {changed}")
            self._body.append(f"{guided} = {guided} + {weight} * ({formed} - {guided})")

    def _moment(self, asked: Sequence[str], memory: object, node: str) -> dict[str, str]:
        """What a rule or form is told of the state, the step and its own past."""
        known = {"x": "x", "level": "level", "next_level": "levels[step + 1]"}
        end = "" if self.number == 0 else f"_{self.number + 1}"
        if "memory" in asked:
            known["memory"] = self.names.of(memory, f"{node}_memory")
            if known["memory"] not in self._memories:
                self._memories.append(known["memory"])
        if "noise" in asked:
            self._drawn = True
            sizes = [self.sampler.spread(*pair) for pair in self._pairs()]
            self._numberrow_of(
                f"FRESH_NOISE{end}", "what a step adds to x/alpha, in deviations", sizes
            )
            known["noise"] = f"FRESH_NOISE{end}[step] * draw.ahead()"
        if "gain" in asked:
            gains = [self._gain(*pair) for pair in self._pairs()]
            self._numberrow_of(f"GAIN{end}", "1/(1 − c·alpha/(alpha'·sigma)) of every step", gains)
            known["gain"] = f"GAIN{end}[step]"
        return known

    def _pairs(self) -> list[tuple[NoiseLevel, NoiseLevel]]:
        return list(zip(self.levels[:-1], self.levels[1:], strict=True))

    def _gain(self, here: NoiseLevel, there: NoiseLevel) -> float:
        factor = self.sampler.renoised(here, there)
        return 1.0 if factor is None else 1.0 / (1.0 - factor / (there.alpha * here.ratio))

    def _numberrow_of(self, name: str, note: str, numbers: Sequence[float]) -> None:
        lines = [f"# {note}", f"{name} = [{', '.join(f'{each:.9g}' for each in numbers)}]"]
        if lines[0] not in self.constants:
            self.constants += lines

    def _background(
        self, merge: Operation, inputs: Sequence[Operation], nulls: Sequence[str]
    ) -> str:
        """The mix of the nulls; one null is itself."""
        if len(set(nulls)) == 1:
            return nulls[0]
        shares = [dict(each.settings).get("share", 1.0) for each in inputs]
        call = f"mean_of([{', '.join(nulls)}], {row_of(shares)})"
        if any(self._sometimes_absent(each) for each in inputs):
            weights = ", ".join(self._weight(each, "weight") for each in inputs)
            call = f"mean_of_present([{', '.join(nulls)}], {row_of(shares)}, [{weights}])"
        self.wanted.append(("background", call.partition("(")[0]))
        name = self.names.of(("base", merge.number), "background")
        self._body.append(f"{name} = {call}")
        return name

    def _sounds(self, each: Operation) -> bool:
        """Whether it is heard at any evaluation: at weight zero all is as if it were not there."""
        word = "weight" if each.op == "denoise" else "loud"
        return any(row[word, each.number] for row in self._rows)

    def _sometimes_absent(self, each: Operation) -> bool:
        """Whether its weight is zero at an evaluation or in a sample."""
        word = "weight" if each.op == "denoise" else "loud"
        numbers = [row[word, each.number] for row in self._rows]
        spread = faders(self.plan, each)[0][each.number].spread if each.op == "denoise" else ()
        swept = [value for part in spread if isinstance(part, Sweep) for value in part.values]
        dark = any(isinstance(part, Control) for part in spread)
        return not all(numbers) or not all(swept) or dark

    def _weight(self, operation: Operation, word: str) -> str:
        """The weight as it is written: a number, a column of the table, times what it spreads."""
        if operation.op == "fuse" or (operation.op == "form" and word == "plain"):
            word = "loud"
        key = (word, operation.number)
        if operation.op == "form" and word == "weight":
            spread = faders(self.plan, self.score)[1][operation.number].spread
        elif operation.op == "denoise":
            spread = faders(self.plan, self.score)[0][operation.number].spread
        else:
            spread = ()
        numbers = {short(row[key]) for row in self._rows}
        text = numbers.pop()
        if numbers:
            name = self.names.of(key, f"{operation.node}_{word}")
            text = self._columns.setdefault(key, name)
        return " * ".join([text, *(self._spread(each, operation) for each in spread)])

    def _spread(self, factor: Any, operation: Operation) -> str:
        """The variable of a factor that is one number for every sample or place."""
        if isinstance(factor, Sweep):
            name = self.names.of(("spread", factor), factor.axis)
            line = f"{name} = by_sample({', '.join(short(each) for each in factor.values)})"
            self.wanted.append(("amounts", "by_sample"))
        else:
            sha256 = Controls(self.plan.controls, self.performance).read(0)[factor.name]
            if not sha256:
                return "1.0"
            name = self.names.of(("spread", factor.name), factor.name.partition(".")[0])
            low, high = factor.low or 0.0, 1.0 if factor.high is None else factor.high
            size = (self.shape[-1], self.shape[-2])
            grey = self.library.assets.get(str(sha256)).convert("L")
            file = self._file(name)
            self.files[file] = png_of(grey.resize(size, Image.Resampling.BOX))
            line = f"{name} = by_place(HERE / {text_of(file)}, {low!r}, {high!r})"
            self.wanted.append(("amounts", "by_place"))
        self._open("", line)
        return name

    def _open(self, network: str, line: str) -> None:
        """A line before the sampling; those about one network stay together."""
        lines = self._opening.setdefault(network, [])
        if line not in lines:
            lines.append(line)
