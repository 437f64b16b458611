"""Asking networks: what they are told, and one batched call of each."""

from __future__ import annotations

from typing import Any

from PIL import Image

from graph.export import choosing
from graph.export.amounts import Amounts
from graph.export.draft import Draft
from graph.export.wording import last_of, line_of, png_of, row_of, text_of
from graph.library import Model
from graph.pictures import fit, on_canvas, prepare, region
from graph.plan import Asked, Asset, Condition, Operation

NULL = "null"


class Asking:
    """Gathers what is asked of the networks of a track, and writes their calls."""

    def __init__(self, draft: Draft, amounts: Amounts) -> None:
        self.models: dict[str, Model] = {}
        self._draft = draft
        self._amounts = amounts
        self._asked: dict[str, list[str]] = {}
        self._answers: dict[tuple[str, str], str] = {}
        self._voices: dict[str, set[int]] = {}

    def voice(self, operation: Operation) -> str:
        """The variable of an expert's answer to its condition."""
        condition: Any = operation["condition"]
        return self._answer(operation, condition)

    def null(self, operation: Operation) -> str:
        """What says of its answer to nothing; asked for only where somebody looks at it."""
        return f"{NULL} {operation.number}"

    def asked(self, null: str) -> str:
        """The variable of a null, which from here on is asked for."""
        word, _, number = null.partition(" ")
        if word != NULL:
            return null
        operation = self._draft.plan.operations[int(number)]
        kept: Any = dict(operation.settings).get("null")
        return self._answer(operation, kept)

    @property
    def answers(self) -> list[str]:
        """The variables of all answers."""
        return list(self._answers.values())

    def calls(self) -> list[str]:
        """The line of every network's one call."""
        lines: list[str] = []
        for network, conditions in self._asked.items():
            answers = [self._answers[network, each] for each in conditions]
            comma = "," if len(answers) == 1 else ""
            call = f"{network}(x, level, [{', '.join(conditions)}])"
            heard = self._amounts.heard(self._voices[network])
            if heard:  # where nobody listens, anything will do
                call += f" if {heard} else ({', '.join('x' for _ in answers)}{comma})"
            lines.append(f"{', '.join(answers)}{comma} = {call}")
        return lines

    def _answer(self, operation: Operation, condition: Asked) -> str:
        """The variable of an expert's answer to a condition, asked in its network's one call."""
        network, model = self._network(operation)
        asked = self._condition(operation, network, model, condition)
        network = self._twin(operation, network)
        key = (network, asked)
        if key not in self._answers:
            name = network.removeprefix("ask_")
            told = condition == operation["condition"] and condition is not None
            part = dict(operation.settings).get("part")
            words = f"{operation.node}_{part}" if part else operation.node
            words = words if told else f"{name}_null"
            self._answers[key] = self._draft.names.of(key, words)
            self._asked.setdefault(network, []).append(asked)
        self._voices.setdefault(network, set()).add(operation.number)
        return self._answers[key]

    def _network(self, operation: Operation) -> tuple[str, Model]:
        draft = self._draft
        model = draft.library.model(str(operation["expert"]))
        name = draft.names.of(("network", draft.number, model.name), f"ask_{last_of(model)}")
        if model.name not in self.models:
            self.models[model.name] = model
            part = choosing.network(model)
            if part is None:
                raise LookupError(model.name)
            denoised, parts = choosing.convention(model)
            draft.wanted += [(part.module, part.name), *parts]
            draft.open(name, f"{name} = {part.name}({text_of(model.name)}, {denoised})")
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
        key = ("condition", network, repr(condition))
        told = choosing.conditions(condition)
        fresh = "_".join(choosing.word(each.kind) for each in told) or f"no_{last_of(model)}"
        name = self._draft.names.of(key, fresh)
        kinds = model.card.condition.split("+")
        parts = {each.kind: self._part(operation, model, each) for each in told}
        words = ", ".join(parts.get(kind, "None") for kind in kinds)
        classes = [line_of(str(each.value)) for each in told if each.kind == "class"]
        note = f"  # {classes[0]}" if classes else ""
        self._draft.open(network, f"{name} = {network}.encode({words}){note}")
        return name

    def _part(self, operation: Operation, model: Model, condition: Condition) -> str:
        """What is told of one kind, in Python."""
        if isinstance(condition.value, Asset):
            file = self._picture(operation, model, condition)
            return f"Image.open(HERE / {text_of(file)})"
        if condition.kind == "class":
            return str(model.card.labels.index(condition.value))
        lower = bool(model.card.vocabulary)  # such vocabularies hold lower case
        return text_of(condition.value.lower() if lower else condition.value)

    def _picture(self, operation: Operation, model: Model, condition: Condition) -> str:
        """The file of a picture as an expert was shown it: on the canvas, in its colours."""
        value: Any = condition.value
        stored = self._draft.library.assets.get(value.sha256)
        picture = shown(model, condition.kind, prepare(stored, condition.steps, model.canvas))
        thing = ("file", repr(condition), model.name)
        several = "+" in model.card.condition
        words = f"{operation.node}_{condition.kind if several else 'shown'}"
        name = self._draft.file(self._draft.names.of(thing, words))
        self._draft.files[name] = png_of(picture)
        return name


def shown(model: Model, kind: str, picture: Image.Image) -> Image.Image:
    """A picture as a model is shown it, on its canvas."""
    if kind == "photo":
        return fit(picture, model.canvas)
    if kind == "region":
        return Image.fromarray(region(picture, model.canvas))
    return on_canvas(kind, picture, model.canvas, model.card.palette)
