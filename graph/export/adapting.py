"""Adapting: what adapters and LoRAs tell the networks of a track, as it is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from graph.companions import Companion
from graph.controlnets import read_widths
from graph.export import choosing
from graph.export.amounts import Amounts
from graph.export.bridging import codec
from graph.export.draft import Draft
from graph.export.parts import piece
from graph.export.tuning import layers_of, plain
from graph.export.weighing import along, factors_of, read
from graph.export.wording import short, text_of
from graph.folders import read_json
from graph.library import Library, Model
from graph.pictures import chalk, fit, prepare
from graph.plan import Control, Operation, Sweep


@dataclass(frozen=True, slots=True)
class Told:
    """What an expert is told beside a condition: by which operation, and the variables of it.

    `name` is that of the adapter beside this expert's network, `hint` that of what it is shown.
    """

    operation: Operation
    name: str
    hint: str = ""


class Adapting:
    """Writes the adapters of a track, and within what its networks are asked."""

    def __init__(self, draft: Draft, amounts: Amounts) -> None:
        self._draft = draft
        self._amounts = amounts

    def told(
        self, operation: Operation, network: str, model: Model, *, null: bool
    ) -> tuple[Told, ...]:
        """What an expert hears where it is asked for its condition, or for nothing."""
        found: list[Told] = []
        for ref in operation.inputs:
            each = self._draft.plan.operations[ref.number]
            if not self._amounts.ever(each):
                continue
            if each.op == "tune":
                found.append(Told(each, self._tuning(each, network, model)))
            elif each["null"] or not null:
                found.append(Told(each, *self._hint(each, network, model, null=null)))
        return tuple(found)

    def within(self, told: Sequence[Sequence[Told]]) -> list[str]:
        """What a call is made within, where its prompts are told this: one row for each of them."""
        found: list[str] = []
        for column in zip(*told, strict=True):
            hints = [self._draft.told(each.hint) for each in column]
            hints = hints[:1] if len(set(hints)) == 1 else hints
            words = [f"[{', '.join(hints)}]"] if hints[0] else []
            words.append(self._amounts.own(column[0].operation))
            found.append(f"{column[0].name}.heard({', '.join(words)})")
        return found

    def reading(self, operation: Operation, network: str, model: Model) -> tuple[list[str], str]:
        """What a sentence is read within: the LoRAs that change who reads it, as at the start.

        Where they are of another loudness in every sample, it is read anew for each: so says a
        line before.
        """
        found: list[str] = []
        swept: dict[str, list[str]] = {}
        for ref in operation.inputs:
            each = self._draft.plan.operations[ref.number]
            if each.op != "tune" or not reads(self._draft.library, each):
                continue
            name, begun = self._tuning(each, network, model), self._begun(each)
            row = [short(loud) for loud in begun[: 1 if self._draft.windows else None]]
            loud = row[0]
            if len(row) > 1:
                loud = self._draft.names.of(("loud", name, each.number), f"{name}_loud")
                swept[loud] = row
            found += [f"{name}.heard({loud})"] if loud != "0.0" else []
        if not swept:
            return found, ""
        rows = [", ".join(row) for row in zip(*swept.values(), strict=True)]
        told = ", ".join(rows if len(swept) == 1 else [f"({row})" for row in rows])
        return found, f"for {', '.join(swept)} in [{told}]:"

    def _hint(
        self, operation: Operation, network: str, model: Model, *, null: bool
    ) -> tuple[str, str]:
        """The variables of an adapter and of what it makes of its picture, or of none."""
        draft = self._draft
        companion = draft.library.companion(str(operation["model"]))
        part = choosing.companion("adapters", companion)
        if part is None:
            raise LookupError(companion.name)
        key = ("adapter", draft.number, network, companion.name)
        name = draft.names.of(key, companion.name.rpartition("/")[2].removesuffix(".safetensors"))
        draft.wanted.append((part.module, part.name))
        # before what is shown: some see latents
        codecs = [codec(draft, model)] if "codec" in part.parameters else []
        asked = choosing.networks(model).get("transformer", "unet")
        told = text_of(companion.name)
        if companion.file is not None:
            told += f", {read_widths(companion.name, companion.file).hints!r}"
        draft.open(name, f"{name} = {part.name}({told}, {network}.{asked})")
        condition: Any = operation["condition"]
        if null and piece(part.module).value("NULL_IS_SHOWN") is False:
            hint = draft.names.of(("nothing", key), "no_picture")
            draft.open(name, f"{hint} = {name}.encode(None)")
            return name, hint
        hint = draft.names.of(("hint", key, repr(condition)), f"{operation.node}_shown")
        stored = draft.library.assets.get(condition.value.sha256)
        prepared = prepare(stored, condition.steps, draft.wide(model.canvas))
        fitted = partial(self._shown, condition.kind, model, companion)
        picture = draft.picture(hint, prepared, model.canvas, fitted)
        draft.tell(name, hint, f"{name}.encode({', '.join([picture, *codecs])})", shown=True)
        return name, hint

    def _shown(
        self, kind: str, model: Model, companion: Companion, picture: Image.Image
    ) -> Image.Image:
        """A picture as it is shown: of a drawing chalk, and fitted where its places count."""
        shown = chalk(picture) if kind == "sketch" else picture
        if companion.network not in choosing.FITTED:
            return shown.convert("RGB")
        config = companion.folder / "config.json"  # one of one file has none, and sees colours
        if companion.file is None and read_json(companion.name, config).get("in_channels") == 1:
            shown = shown.convert("L")
        return fit(shown, model.canvas or shown.size)

    def _tuning(self, operation: Operation, network: str, model: Model) -> str:
        """The variable of a LoRA."""
        draft = self._draft
        lora = draft.library.lora(str(operation["model"]))
        key = ("lora", draft.number, network, lora.name)
        name = draft.names.of(key, lora.name.rpartition("/")[2].removesuffix(".safetensors"))
        file = draft.file(name, "json")
        if file not in draft.files:
            draft.files[file] = layers_of(lora, model)
            kind = "Lora" if plain(lora) else "Changes"
            draft.wanted.append((kind.lower(), kind))
            told = f"{text_of(lora.name)}, HERE / {text_of(file)}, {network}"
            draft.open(network, f"{name} = {kind}({told})")
        return name

    def _begun(self, operation: Operation) -> list[float]:
        """How loud a LoRA is when a run begins, by its settings: once, or in every sample."""
        values: Any = {each.name: each.default for each in self._draft.plan.controls}
        number, rows = 0.0 if read(operation["muted"], values) else 1.0, [1.0]
        for factor in factors_of(operation):
            if isinstance(factor, Control) and factor.kind == "curve":
                number *= along(values[factor.name], 1.0)
            elif isinstance(factor, Control) and factor.kind == "map":
                number *= self._mean(factor)
            elif isinstance(factor, Sweep):
                before = rows if len(rows) > 1 else rows * len(factor.values)
                rows = [old * new for old, new in zip(before, factor.values, strict=True)]
            else:
                number *= float(read(factor, values))
        return [number * row for row in rows] if number else [0.0]

    def _mean(self, control: Control) -> float:
        """Of a map over the state."""
        if not control.default:
            return 1.0
        grey = self._draft.library.assets.get(str(control.default)).convert("L")
        size = self._draft.shape[-1], self._draft.shape[-2]
        light = np.asarray(grey.resize(size, Image.Resampling.BOX), dtype=np.float64) / 255
        low, high = control.low or 0.0, 1.0 if control.high is None else control.high
        return float((low + (high - low) * light).mean())


def reads(library: Library, tune: Operation) -> bool:
    """Whether a LoRA changes what reads sentences."""
    return any(part.startswith("text_encoder") for part in library.lora(str(tune["model"])).parts)
