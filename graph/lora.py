"""LoRA files (arXiv 2106.09685): which layers they change, told by their headers without torch."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from graph.bfl import Rows, bfl_names, is_bfl, rows_of
from graph.errors import ChoraleError, Diagnostic
from graph.folders import read_json
from graph.headers import Header, header
from graph.ldm import ldm_names

FORMATS = "LoRA of Linear and Conv2d layers as kohya, diffusers and peft write it"
KOHYA = re.compile(
    r"lora_(?P<part>unet|transformer|te|te1|te2)_(?P<layer>[^.]+)"
    r"\.(?P<role>lora_down\.weight|lora_up\.weight|alpha)"
)
DIFFUSERS = re.compile(
    r"(?P<part>unet|text_encoder|text_encoder_2|transformer)\.(?P<layer>.+?)"
    r"(?:[._]lora(?:_linear_layer)?)?"
    r"\.(?P<role>down\.weight|up\.weight|lora_A\.weight|lora_B\.weight|alpha)"
)
ORIGINAL = re.compile(
    r"(?:(?P<part>diffusion_model|text_encoders\.clip_l\.transformer)\.)?(?P<layer>.+)"
    r"\.(?P<role>lora_down\.weight|lora_up\.weight|lora_A\.weight|lora_B\.weight|alpha)"
)
"""Keys of Flux as ComfyUI and trainers of the original code write them."""
PEFT = re.compile(r"base_model\.model\.(?P<layer>.+)\.(?P<role>lora_A\.weight|lora_B\.weight)")
"""Keys of peft itself, which tell no part: a file is of one network alone."""
PEFT_CONFIG = "adapter_config.json"
"""Where peft itself says what it trained with, beside its file."""
OWN_LAYERS = {
    "unet": ("down_blocks.", "mid_block.", "up_blocks."),
    "text_encoder": ("text_model.", "encoder."),
}
"""How layers begin of networks that are no transformer."""
PARTS = {
    "te": "text_encoder",
    "te1": "text_encoder",
    "te2": "text_encoder_2",
    "text_encoders.clip_l.transformer": "text_encoder",
}
ROLES = {"lora_down": "down", "down": "down", "lora_A": "down", "alpha": "alpha"}
OTHER_KINDS = {
    "dora_scale": "DoRA",
    "lora_magnitude_vector": "DoRA",
    ".hada_": "LoHa",
    ".lokr_": "LoKr",
    ".lora_mid": "LoCon in three factors",
    ".oft_": "OFT",
    "lora_B.bias": "LoRA with biases",
}
"""Parts of keys by which relatives of LoRA are known, which are not loaded."""
NOTE = "lora_adapter_metadata"
"""Where diffusers notes the settings that peft trained with."""
WIDTHS = {768: "Stable Diffusion 1", 1024: "Stable Diffusion 2", 2048: "Stable Diffusion XL"}
"""Families of UNets by the width of the words that they read."""


@dataclass(frozen=True, slots=True)
class Pair:
    """How one layer is changed: W + alpha/rank·up·down.

    `down` and `up` are keys of the file, `down_shape` [rank, in, …] and `up_shape` [out, rank, …]
    the shapes there. `alpha` is the key of a stored number, a number, or None for the rank itself.
    `rows` are those of up that are for this layer.
    """

    layer: str
    down: str
    up: str
    down_shape: tuple[int, ...]
    up_shape: tuple[int, ...]
    alpha: str | float | None = None
    rows: Rows = ()

    def fits(self, weight: Sequence[int]) -> bool:
        """Whether it changes a weight of this shape, of a matrix or a kernel."""
        (rank, columns, *kernel), (rows, inner, *point) = self.down_shape, self.up_shape
        return (
            rank == inner
            and (rows, columns) == tuple(weight[:2])
            and _sides(kernel) == _sides(weight[2:])
            and not _sides(point)
        )


@dataclass(frozen=True)
class Lora:
    """A LoRA file: of each part of a pipeline (unet, text_encoder, …), how layers are changed."""

    name: str
    path: Path
    parts: Mapping[str, Mapping[str, Pair]]

    @property
    def family(self) -> str:
        """What it was made for, as far as its shapes tell."""
        if "transformer" in self.parts:
            return "a transformer"
        for layer, pair in self.parts.get("unet", {}).items():
            if layer.endswith("attn2_to_k") and pair.down_shape[1] in WIDTHS:
                return WIDTHS[pair.down_shape[1]]
        return "Stable Diffusion XL" if "text_encoder_2" in self.parts else "Stable Diffusion"

    def fitted(
        self, expert: str, part: str, weights: Mapping[str, Sequence[int]]
    ) -> dict[str, Pair]:
        """How the layers of a network are changed, by their names, from its weights' shapes.

        ChoraleError M040 where the network of `expert` has no such layer, or one of another shape,
        or where one is changed by two names.
        """
        pairs = self.parts.get(part, {})
        layers = {key.removesuffix(".weight"): shape for key, shape in weights.items()}
        known = _known(part, [name for name, shape in layers.items() if len(shape) > 1])
        whole = {flat: _stacked([layers[each] for each in own]) for flat, own in known.items()}
        strange = [pair for flat, pair in pairs.items() if flat not in known]
        others = [
            flat for flat, pair in pairs.items() if flat in known and not pair.fits(whole[flat])
        ]
        if strange or others:
            first = strange[0] if strange else pairs[others[0]]
            why = (
                f"has no layer {first.layer}"
                if strange
                else f"has {first.layer} of {_said(whole[others[0]])}, "
                f"expected {_said((first.up_shape[0], *first.down_shape[1:]))}"
            )
            fit = len(pairs) - len(strange) - len(others)
            raise _refused(
                "M040",
                f"'{self.name}' is a LoRA for {self.family}: the {part} of '{expert}' {why} "
                f"({fit} of {len(pairs)} layers fit).",
                "Choose a LoRA that was made for this base, or the base that it was made for.",
            )
        found: dict[str, Pair] = {}
        for flat, pair in pairs.items():
            own = known[flat]
            cuts = rows_of(flat, [layers[each][0] for each in own])
            for layer, rows in zip(own, cuts, strict=True):
                if layer in found:
                    raise _refused(
                        "M040",
                        f"'{self.name}' changes {layer} in the {part} of '{expert}' twice, by the "
                        f"names {found[layer].layer} and {pair.layer}.",
                        "Choose a LoRA that has one name for each layer.",
                    )
                found[layer] = replace(pair, rows=rows)
        return found


def is_lora(found: Header) -> bool:
    """Whether a header has keys of a LoRA, or of one of its relatives."""
    return any(_matched(key) or _kind(key) for key in found.shapes)


def read_lora(name: str, path: Path) -> Lora:
    """Read the header of a LoRA file; ChoraleError M005, M013, M042, M043 or M055."""
    found = header(name, path)
    if not is_lora(found):
        raise _refused(
            "M042",
            f"'{name}' is no LoRA: it has no layer such as lora_unet_….lora_down.weight or "
            "unet.….lora_A.weight.",
            f"Choose a file of a kind that loads: {FORMATS}.",
        )
    rows: dict[tuple[str, str], dict[str, str]] = {}
    written: dict[tuple[str, str], str] = {}
    for key in found.shapes:
        match = _matched(key)
        if _kind(key) or not match:
            raise _strange(name, _kind(key) or f"a file with the key {key[:80]}")
        part = _part_of(match)
        place = (part, _squashed(part, match["layer"]))
        written[place] = match["layer"]
        rows.setdefault(place, {})[ROLES.get(match["role"].removesuffix(".weight"), "up")] = key
    settings = _settings(name, path, found, {part for part, _ in rows})
    parts: dict[str, dict[str, Pair]] = {}
    for (part, layer), keys in rows.items():
        if not {"down", "up"} <= keys.keys():
            raise _strange(name, f"a file with half of the layer {written[part, layer][:80]}")
        sizes = found.shapes[keys["down"]], found.shapes[keys["up"]]
        if min(map(len, sizes)) < 2:
            raise _strange(name, f"a file with vectors for the layer {written[part, layer][:80]}")
        dotted = written[part, layer]
        alpha = keys.get("alpha", _noted(settings, part, dotted, sizes[0][0]))
        parts.setdefault(part, {})[layer] = Pair(dotted, keys["down"], keys["up"], *sizes, alpha)
    return Lora(name, path, parts)


def _known(part: str, layers: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The layers of a network by all names that files have for them, or for several at once."""
    known = {_squashed(part, name): (name,) for name in layers}
    if part == "unet":
        known |= {_squashed(part, old): (name,) for name, old in ldm_names(layers).items()}
    if part == "transformer":
        known |= {_squashed(part, old): own for old, own in bfl_names(layers).items()}
    return known


def _squashed(part: str, layer: str) -> str:
    """One name for all that a layer is called: kohya writes no dots, old files had processors."""
    flat = layer.replace(".", "_").replace("_processor_to_", "_to_")
    if part.startswith("text_encoder"):
        flat = re.sub(r"self_attn_to_(q|k|v|out)$", r"self_attn_\1_proj", flat)
        return flat.removeprefix("text_model_")
    return re.sub(r"_to_out$", "_to_out_0", flat)


def _matched(key: str) -> re.Match[str] | None:
    """A key by what it tells: part, layer and role; None for one that is no LoRA's."""
    original = ORIGINAL.fullmatch(key)
    if original and (original["part"] in PARTS or is_bfl(original["layer"])):
        return original
    return KOHYA.fullmatch(key) or DIFFUSERS.fullmatch(key) or PEFT.fullmatch(key)


def _part_of(match: re.Match[str]) -> str:
    """The part that has the layer of a key: kohya calls every network that paints a unet."""
    told, layer = match.groupdict().get("part"), match["layer"]
    if told == "diffusion_model" or (told == "unet" and is_bfl(layer)):
        return "transformer"
    if told:
        return PARTS.get(told, told)
    for part, beginnings in OWN_LAYERS.items():
        if layer.startswith(beginnings):
            return part
    return "transformer"


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
        told = read_json(name, beside)
        noted = json.dumps({f"{part}.{key}": told[key] for part in parts for key in told})
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


def _noted(settings: Mapping[str, Any], part: str, layer: str, rank: int) -> float | None:
    """The alpha of a layer by what peft trained with; None where nothing is noted."""
    alpha: Any = settings.get(f"{part}.lora_alpha")
    for ending, value in settings.get(f"{part}.alpha_pattern", {}).items():
        if f".{layer}".endswith(f".{ending.removeprefix('^')}"):
            alpha = value
    if alpha is None:
        return None
    # rsLoRA (arXiv 2312.03732) divides by the root of the rank
    return float(alpha) * (rank**0.5 if settings.get(f"{part}.use_rslora") else 1.0)


def _kind(key: str) -> str:
    """The relative of LoRA that a key belongs to; nothing for a key of LoRA."""
    return next((kind for part, kind in OTHER_KINDS.items() if part in key), "")


def _sides(kernel: Sequence[int]) -> tuple[int, ...]:
    """The sides of a kernel; of a point, as of a matrix, none."""
    return () if all(side == 1 for side in kernel) else tuple(kernel)


def _stacked(shapes: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """The shape of matrices one below another."""
    return (sum(each[0] for each in shapes), *shapes[0][1:])


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
