"""Files of LoRA and its kin: which layers they change, told by their headers without torch."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from graph.bfl import rows_of
from graph.changes import BESIDE, FACTORS, KINDS, Change
from graph.errors import ChoraleError, Diagnostic
from graph.folders import read_json
from graph.headers import Header, header
from graph.keys import PEFT, T5, known, of_flux, other_kind, squashed, told

FORMATS = (
    "LoRA, DoRA, LoHa, LoKr and full differences of Linear and Conv2d layers as kohya, LyCORIS, "
    "diffusers and peft write them"
)
PEFT_CONFIG = "adapter_config.json"
"""Where peft itself says what it trained with, beside its file."""
NOTE = "lora_adapter_metadata"
"""Where diffusers notes the settings that peft trained with."""
WIDTHS = {768: "Stable Diffusion 1", 1024: "Stable Diffusion 2", 2048: "Stable Diffusion XL"}
"""Families of UNets by the width of the words that they read."""


@dataclass(frozen=True)
class Lora:
    """A LoRA file: of each part of a pipeline (unet, text_encoder, …), how layers are changed."""

    name: str
    path: Path
    parts: Mapping[str, Mapping[str, Change]]

    @property
    def family(self) -> str:
        """What it was made for, as far as its shapes tell."""
        if "transformer" in self.parts:
            return "a transformer"
        for layer, change in self.parts.get("unet", {}).items():
            if layer.endswith("attn2_to_k") and change.shape[-1] in WIDTHS:
                return WIDTHS[change.shape[-1]]
        if T5 in self.parts:
            return "Stable Diffusion 3"
        return "Stable Diffusion XL" if "text_encoder_2" in self.parts else "Stable Diffusion"

    @property
    def lengths(self) -> int:
        """How many lengths of rows or columns are told (DoRA)."""
        changes = [each for layers in self.parts.values() for each in layers.values()]
        return sum(math.prod(each.told) for each in changes if each.decomposed)

    @property
    def kinds(self) -> tuple[str, ...]:
        """What people call its changes, such as LoRA, or DoRA."""
        changes = [each for layers in self.parts.values() for each in layers.values()]
        found = {KINDS[each.kind] for each in changes if not each.decomposed}
        for each in changes:
            if each.decomposed:
                found.add("DoRA" if each.kind == "lora" else f"{KINDS[each.kind]} as DoRA")
        return tuple(sorted(found))

    def fitted(
        self, expert: str, part: str, weights: Mapping[str, Sequence[int]]
    ) -> dict[str, Change]:
        """How the layers of a network are changed, by their names, from its weights' shapes.

        ChoraleError M040 where the network of `expert` has no such layer, or one of another shape,
        or where one is changed by two names; M057 where columns of one would be scaled that is
        several here.
        """
        changes = self.parts.get(part, {})
        layers = {key.removesuffix(".weight"): shape for key, shape in weights.items()}
        names = known(part, [name for name, shape in layers.items() if len(shape) > 1])
        whole = {flat: _stacked([layers[each] for each in own]) for flat, own in names.items()}
        strange = [change for flat, change in changes.items() if flat not in names]
        others = [
            flat for flat, each in changes.items() if flat in names and not each.fits(whole[flat])
        ]
        if strange or others:
            first = strange[0] if strange else changes[others[0]]
            why = (
                f"has no layer {first.layer}"
                if strange
                else f"has {first.layer} of {_said(whole[others[0]])}, {_expected(first)}"
            )
            fit = len(changes) - len(strange) - len(others)
            raise _refused(
                "M040",
                f"'{self.name}' is a LoRA for {self.family}: the {part} of '{expert}' {why} "
                f"({fit} of {len(changes)} layers fit).",
                "Choose a LoRA that was made for this base, or the base that it was made for.",
            )
        found: dict[str, Change] = {}
        for flat, change in changes.items():
            own = names[flat]
            if len(own) > 1 and change.decomposed and change.axis(whole[flat]) == 1:
                raise _refused(
                    "M057",
                    f"'{self.name}' is a DoRA that scales the columns of {change.layer}, which is "
                    f"{len(own)} layers in '{expert}'.",
                    "Choose one that scales rows, or that has the layers' names of diffusers.",
                )
            cuts = rows_of(flat, [layers[each][0] for each in own])
            for layer, rows in zip(own, cuts, strict=True):
                if layer in found:
                    raise _refused(
                        "M040",
                        f"'{self.name}' changes {layer} in the {part} of '{expert}' twice, by the "
                        f"names {found[layer].layer} and {change.layer}.",
                        "Choose a LoRA that has one name for each layer.",
                    )
                found[layer] = replace(change, rows=rows)
        return found


def is_lora(found: Header) -> bool:
    """Whether a header has keys of a LoRA, or of one of its relatives."""
    return any(told(key) or other_kind(key) for key in found.shapes)


def read_lora(name: str, path: Path) -> Lora:
    """Read the header of a LoRA file; ChoraleError M005, M013, M042, M043, M055 or M056."""
    found = header(name, path)
    if not is_lora(found):
        raise _refused(
            "M042",
            f"'{name}' is no LoRA: it has no layer such as lora_unet_….lora_down.weight or "
            "unet.….lora_A.weight.",
            f"Choose a file of a kind that loads: {FORMATS}.",
        )
    for key in found.shapes:
        if kind := other_kind(key):
            raise _strange(name, kind)
    keys: dict[tuple[str, str], dict[str, str]] = {}
    kinds: dict[tuple[str, str], str] = {}
    written: dict[tuple[str, str], str] = {}
    flux = any(map(of_flux, found.shapes))
    for key in found.shapes:
        tells = told(key)
        if not tells:
            raise _strange(name, f"a file with the key {key[:80]}")
        part = "text_encoder_2" if flux and tells.part == T5 else tells.part
        place = (part, squashed(part, tells.layer))
        written[place] = tells.layer
        kind = kinds.get(place) or tells.kind
        if tells.kind not in ("", kind) or tells.role in keys.get(place, {}):
            raise _strange(name, f"a file with two changes of the layer {tells.layer[:80]}")
        kinds[place] = kind
        keys.setdefault(place, {})[tells.role] = key
    settings = _settings(name, path, found, {part for part, _ in keys})
    parts: dict[str, dict[str, Change]] = {}
    for (part, layer), own in keys.items():
        alpha = own.pop("alpha", None)
        shapes = {role: found.shapes[key] for role, key in own.items()}
        change = Change(written[part, layer], kinds[part, layer], own, shapes, alpha)
        _check(name, change, found)
        if alpha is None and change.kind == "lora":
            change = replace(change, alpha=_noted(settings, part, change))
        parts.setdefault(part, {})[layer] = change
    return Lora(name, path, parts)


def _check(name: str, change: Change, found: Header) -> None:
    """M043 where a factor of a change is missing, M056 where factors do not go together."""
    layer, shapes = change.layer[:80], change.shapes
    alone = not change.kind and {*shapes} != {"bias"}
    if change.factors not in FACTORS[change.kind] or alone or {"magnitude", "scale"} <= {*shapes}:
        raise _strange(name, f"a file with half of the layer {layer}")
    alpha = found.shapes[change.alpha] if isinstance(change.alpha, str) else ()
    try:
        whole = change.shape and all(shape and min(shape) > 0 for shape in shapes.values())
        if whole and math.prod(alpha) == 1:
            return
    except ValueError:
        pass  # M056 says it
    listed = ", ".join(f"{role} of {_said(shape) or 'no size'}" for role, shape in shapes.items())
    raise _refused(
        "M056",
        f"'{name}' adds something to the layer {layer} that cannot be made: {listed} do not go "
        "together.",
        "Copy the file again, or choose another.",
    )


def _settings(name: str, path: Path, found: Header, parts: Iterable[str]) -> Mapping[str, Any]:
    """What peft trained the parts with, where that is noted in the file, or beside peft's own.

    ChoraleError M043 for a note out of form, M055 where peft's own file has none.
    """
    where = f"note {NOTE}"
    if any(map(PEFT.fullmatch, found.shapes)):
        beside, where = path.with_name(PEFT_CONFIG), PEFT_CONFIG
        if not beside.is_file():
            raise _refused(
                "M055",
                f"'{name}' is a LoRA as peft saves it, and there is no {PEFT_CONFIG} beside it to "
                "say how strong it is.",
                "Copy the whole folder that peft wrote.",
            )
        config = read_json(name, beside)
        noted = json.dumps({f"{part}.{key}": config[key] for part in parts for key in config})
    elif NOTE in found.notes:
        noted = found.notes[NOTE]
    else:
        return {}
    try:
        settings: Any = json.loads(noted)
        patterns = [value for key, value in settings.items() if key.endswith(".alpha_pattern")]
        numbers = [value for key, value in settings.items() if key.endswith(".lora_alpha")]
        numbers += [value for pattern in patterns for value in pattern.values()]
        if all(isinstance(value, int | float) for value in numbers):
            return settings
    except (ValueError, AttributeError, RecursionError):
        pass
    raise _strange(name, f"a file whose {where} says nothing that peft would")


def _noted(settings: Mapping[str, Any], part: str, change: Change) -> float | None:
    """The alpha of a layer by what peft trained with; None where nothing is noted."""
    alpha: Any = settings.get(f"{part}.lora_alpha")
    for ending, value in settings.get(f"{part}.alpha_pattern", {}).items():
        if f".{change.layer}".endswith(f".{ending.removeprefix('^')}"):
            alpha = value
    if alpha is None:
        return None
    # rsLoRA (arXiv 2312.03732) divides by the root of the rank
    return float(alpha) * ((change.rank or 1) ** 0.5 if settings.get(f"{part}.use_rslora") else 1.0)


def _stacked(shapes: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """The shape of matrices one below another."""
    return (sum(each[0] for each in shapes), *shapes[0][1:])


def _expected(change: Change) -> str:
    """What the layer should have, of a weight, and of what is beside it."""
    beside = [f"{each} of {_said(change.shapes[each])}" for each in BESIDE if each in change.shapes]
    weight = [_said(change.shape)] if change.kind else []
    return f"expected {' and '.join([*weight, *beside])}"


def _said(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))


def _strange(name: str, kind: str) -> ChoraleError:
    return _refused(
        "M043",
        f"'{name}' is {kind}, which is not supported. Supported is {FORMATS}.",
        "Choose another file, or convert it.",
    )


def _refused(code: str, message: str, hint: str) -> ChoraleError:
    return ChoraleError(Diagnostic(code, message, hint))
