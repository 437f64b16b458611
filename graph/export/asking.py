"""Asking networks: what they are told, and one batched call of each."""

from __future__ import annotations

from functools import partial
from typing import Any

from PIL import Image

from graph.export import choosing
from graph.export.adapting import Adapting, Told
from graph.export.amounts import Amounts
from graph.export.draft import Draft
from graph.export.wording import inside, last_of, line_of, row_of, text_of
from graph.library import Model
from graph.pictures import fit, on_canvas, prepare, region
from graph.plan import Asked, Asset, Choice, Condition, Operation

NULL = "null"
FORMULA = ""
"""The prompt of an expert that takes none."""
Call = tuple[str, tuple[int, ...]]
"""A network, and the adapters that are heard while it is asked."""


class Asking:
    """Gathers what is asked of the networks of a track, and writes their calls."""

    def __init__(self, draft: Draft, amounts: Amounts) -> None:
        self.models: dict[str, Model] = {}
        self._draft = draft
        self._amounts = amounts
        self._state = draft.state
        self._adapting = Adapting(draft, amounts)
        self._asked: dict[Call, dict[tuple[str, tuple[Told, ...]], str]] = {}
        """Of every call its prompts, with what is told beside them, and the answers' variables."""
        self._voices: dict[Call, set[int]] = {}

    @property
    def lead(self) -> Model | None:
        """The model whose autoencoder makes pictures of the state; of formulas it is one itself."""
        return next(reversed(self.models.values()), None)

    def voice(self, operation: Operation) -> str:
        """The variable of an expert's answer to its condition."""
        condition: Any = operation["condition"]
        return self._answer(operation, condition)

    def null(self, operation: Operation) -> str:
        """What says of its answer to nothing; asked for only where somebody looks at it.

        Empty for a formula, which knows no condition and so no absence of it.
        """
        return "" if isinstance(operation["expert"], Choice) else f"{NULL} {operation.number}"

    def asked(self, null: str) -> str:
        """The variable of a null, which from here on is asked for."""
        word, _, number = null.partition(" ")
        if word != NULL:
            return null
        operation = self._draft.plan.operations[int(number)]
        kept: Any = dict(operation.settings).get("null")
        return self._answer(operation, kept)

    @property
    def densities(self) -> list[str]:
        """The log densities of what answers, in the order of the answers."""
        return [f"{network}.log_density({self._state}, level)" for network, _ in self._asked]

    @property
    def answers(self) -> list[str]:
        """The variables of all answers."""
        return [answer for asked in self._asked.values() for answer in asked.values()]

    def calls(self, where: str = "") -> list[str]:
        """The line of every network's one call, within what it is told; `where` it is read."""
        lines: list[str] = []
        for (network, adapters), asked in self._asked.items():
            prompts = [self._draft.told(prompt) for prompt, _ in asked]
            answers = list(asked.values())
            row, instead = ", ".join(answers), ", ".join(self._state for _ in answers)
            call = f"{network}({self._state}, level, [{', '.join(prompts)}])"
            if prompts == [FORMULA]:
                call = f"{network}({self._state}, level)"
            elif len(answers) == 1:
                row, instead = f"{row},", f"({instead},)"
            else:
                instead = f"({instead})"
            heard = self._amounts.heard(self._voices[network, adapters])
            if heard and heard != where:  # where nobody listens, anything will do
                call += f" if {heard} else {instead}"
            line = f"{row} = {call}"
            within = self._adapting.within([told for _, told in asked])
            lines += inside(within, [line])
        return lines

    def _answer(self, operation: Operation, condition: Asked) -> str:
        """The variable of an expert's answer to a condition, asked in its network's one call."""
        settings, expert = dict(operation.settings), operation["expert"]
        if isinstance(expert, Choice):
            return self._formula(operation, expert)
        null = condition == settings.get("null")
        network, model = self._network(operation)
        prompt = self._condition(operation, network, model, condition)
        told = self._adapting.told(operation, network, model, null=null)
        network = self._twin(operation, network)
        call = network, tuple(each.operation.number for each in told)
        asked, key = self._asked.setdefault(call, {}), (prompt, told)
        if key not in asked:
            words = f"{network.removeprefix('ask_')}_null"
            if not null:
                part = settings.get("part")
                words = f"{operation.node}_{part}" if part else operation.node
            asked[key] = self._draft.named((call, key), words)
        self._voices.setdefault(call, set()).add(operation.number)
        return asked[key]

    def _formula(self, operation: Operation, expert: Choice) -> str:
        """The variable of what a formula answers."""
        draft, part = self._draft, choosing.formula(expert)
        if part is None:
            raise LookupError(expert.name)
        name = draft.names.of(("network", draft.number, repr(expert)), f"ask_{operation.node}")
        draft.wanted.append((part.module, part.name))
        draft.open(name, f"{name} = {part.name}({choosing.keywords(expert)})")
        call = name, ()
        asked = self._asked.setdefault(call, {})
        if not asked:
            asked[FORMULA, ()] = draft.named((call, FORMULA), operation.node)
        self._voices.setdefault(call, set()).add(operation.number)
        return asked[FORMULA, ()]

    def _network(self, operation: Operation) -> tuple[str, Model]:
        draft = self._draft
        model = draft.model(str(operation["expert"]))
        name = draft.names.of(("network", draft.number, model.name), f"ask_{last_of(model)}")
        if model.name not in self.models:
            self.models[model.name] = model
            part = choosing.network(model)
            if part is None:
                raise LookupError(model.name)
            denoised, parts = choosing.convention(model)
            draft.wanted += [(part.module, part.name), *parts]
            draft.open(
                name, f"{name} = {part.name}({choosing.place(model, draft.library)}, {denoised})"
            )
        return name, model

    def _twin(self, operation: Operation, network: str) -> str:
        """The network that is asked: the expert's own, or its weak twin."""
        blocks: Any = dict(operation.settings).get("without", ())
        if not blocks:
            return network
        twin = self._draft.names.of(("twin", network, blocks), f"{network}_weakly")
        self._draft.wanted.append(("twins", "without"))
        self._draft.open(network, f"{twin} = without({network}, {row_of(blocks)})")
        return twin

    def _condition(self, operation: Operation, network: str, model: Model, condition: Asked) -> str:
        """The variable of an encoded condition, or of none."""
        within, loop = self._adapting.reading(operation, network, model)
        key = ("condition", network, repr(condition), *within, loop)
        told = choosing.conditions(condition)
        fresh = "_".join(choosing.word(each.kind) for each in told) or f"no_{last_of(model)}"
        name = self._draft.names.of(key, fresh)
        kinds = model.card.condition.split("+")
        parts = {each.kind: self._part(operation, model, each) for each in told}
        words = ", ".join(parts.get(kind, "None") for kind in kinds)
        classes = [line_of(str(each.value)) for each in told if each.kind == "class"]
        note = f"  # {classes[0]}" if classes else ""
        about, call = " ".join([network, *within]), f"{network}.encode({words})"
        seen = any(isinstance(each.value, Asset) for each in told)
        if loop:
            lines = inside(within, [f"{name}.append({call})"])
            self._draft.open(
                about, "\n".join([f"{name} = []", loop, *(f"    {line}" for line in lines)])
            )
        else:
            self._draft.tell(about, name, f"{call}{note}", shown=seen, within=within)
        return name

    def _part(self, operation: Operation, model: Model, condition: Condition) -> str:
        """What is told of one kind, in Python."""
        if isinstance(condition.value, Asset):
            return self._picture(operation, model, condition)
        if condition.kind == "class":
            return str(model.card.labels.index(condition.value))
        lower = bool(model.card.vocabulary)  # such vocabularies hold lower case
        return text_of(condition.value.lower() if lower else condition.value)

    def _picture(self, operation: Operation, model: Model, condition: Condition) -> str:
        """A picture as an expert was shown it: on the canvas, in its colours."""
        draft, value = self._draft, condition.value
        if not isinstance(value, Asset):
            raise TypeError(f"{condition} is no picture")
        stored = draft.library.assets.get(value.sha256)
        picture = prepare(stored, condition.steps, draft.wide(model.canvas))
        thing = ("file", repr(condition), model.name, *draft.frame)
        several = "+" in model.card.condition
        words = f"{operation.node}_{condition.kind if several else 'shown'}"
        name = draft.names.of(thing, words)
        fitted = partial(shown, model, condition.kind)
        return draft.picture(name, picture, model.canvas, fitted)


def shown(model: Model, kind: str, picture: Image.Image) -> Image.Image:
    """A picture as a model is shown it, on its canvas."""
    if kind == "photo":
        return fit(picture, model.canvas)
    if kind == "region":
        return Image.fromarray(region(picture, model.canvas))
    return on_canvas(kind, picture, model.canvas, model.card.palette)
