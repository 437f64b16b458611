"""Keys of LoRA files and their kin: which part, layer and factor each of them tells of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graph.bfl import bfl_names, is_bfl
from graph.ldm import ldm_names

ROLES: Mapping[str, tuple[str, str]] = {
    "lora_down.weight": ("lora", "down"),
    "down.weight": ("lora", "down"),
    "lora_A.weight": ("lora", "down"),
    "lora_up.weight": ("lora", "up"),
    "up.weight": ("lora", "up"),
    "lora_B.weight": ("lora", "up"),
    "lora_mid.weight": ("lora", "mid"),
    **{f"hada_w{n}_{side}": ("loha", f"w{n}_{side}") for n in (1, 2) for side in "ab"},
    **{f"hada_t{n}": ("loha", f"t{n}") for n in (1, 2)},
    **{f"lokr_w{n}": ("lokr", f"w{n}") for n in (1, 2)},
    **{f"lokr_w{n}_{side}": ("lokr", f"w{n}_{side}") for n in (1, 2) for side in "ab"},
    "lokr_t2": ("lokr", "t2"),
    "diff": ("diff", "diff"),
    "diff_b": ("", "bias"),
    "dora_scale": ("", "scale"),
    "lora_magnitude_vector": ("", "magnitude"),
    "lora_magnitude_vector.weight": ("", "magnitude"),
    "alpha": ("", "alpha"),
}
"""Endings of keys, by the kind of change and what they are of it; beside every kind: no kind."""
ENDING = "|".join(map(re.escape, ROLES))
KOHYA = re.compile(
    rf"lora_(?P<part>unet|transformer|te|te1|te2|te3)_(?P<layer>[^.]+)\.(?P<role>{ENDING})"
)
LYCORIS = re.compile(rf"lycoris_(?P<layer>[^.]+)\.(?P<role>{ENDING})")
"""Keys of LyCORIS used by itself, which tell no part."""
DIFFUSERS = re.compile(
    r"(?P<part>unet|text_encoder|text_encoder_2|text_encoder_3|transformer)\.(?P<layer>.+?)"
    rf"(?:[._]lora(?:_linear_layer)?)?\.(?P<role>{ENDING})"
)
ORIGINAL = re.compile(
    r"(?:(?P<part>diffusion_model|text_encoders\.(?:clip_l|clip_g|t5xxl)\.transformer)\.)?"
    r"(?P<layer>.+)"
    rf"\.(?P<role>{ENDING})"
)
"""Keys of Flux as ComfyUI and trainers of the original code write them."""
PEFT = re.compile(
    r"base_model\.model\.(?P<layer>.+)\."
    r"(?P<role>lora_A\.weight|lora_B\.weight|lora_magnitude_vector(?:\.weight)?)"
)
"""Keys of peft itself, which tell no part: a file is of one network alone."""
OWN_LAYERS = {
    "unet": ("down_blocks_", "mid_block_", "up_blocks_"),
    "text_encoder": ("text_model_", "encoder_"),
}
"""How layers begin, without dots, of networks that are no transformer."""
T5 = "text_encoder_3"
"""What SD 3 calls T5, by a number that Flux has not: there it is the second."""
PARTS = {
    "te": "text_encoder",
    "te1": "text_encoder",
    "te2": "text_encoder_2",
    "te3": T5,
    "text_encoders.clip_l.transformer": "text_encoder",
    "text_encoders.clip_g.transformer": "text_encoder_2",
    "text_encoders.t5xxl.transformer": T5,
}
OTHER_KINDS = {
    "OFT or BOFT": re.compile(r".+\.(oft_|boft_).+"),
    "(IA)³": re.compile(r".+\.(on_input|ia3_l.*)"),
    "GLoRA": re.compile(r"lora_[^.]+\.[ab][12]\.weight"),
    "LoRA of norms": re.compile(r"lora_[^.]+\.[wb]_norm"),
    "LoHa or LoKr as peft saves it": re.compile(r"base_model\..+\.(hada|lokr)_.+"),
    "LoKr in three factors twice": re.compile(r".+\.lokr_t1"),
    "LoRA with biases": re.compile(r".+\.(lora_B|lora_up)\.bias"),
}
"""Keys by which relatives of LoRA are known that are not loaded."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a key tells: part of the pipeline, layer as written, kind of change, and what of it."""

    part: str
    layer: str
    kind: str
    role: str


def told(key: str) -> Told | None:
    """What a key tells; None for one that is none of those that are known."""
    match = _matched(key)
    return match and Told(_part_of(match), match["layer"], *ROLES[match["role"]])


def of_flux(key: str) -> bool:
    """Whether a key is of a layer that Flux alone has, by either of its names."""
    tells = told(key)
    layer = squashed("transformer", tells.layer) if tells and tells.part == "transformer" else ""
    return is_bfl(layer) or layer.startswith("single_transformer_blocks_")


def other_kind(key: str) -> str:
    """The relative of LoRA that a key belongs to and that is not loaded; nothing for others."""
    return next((kind for kind, keys in OTHER_KINDS.items() if keys.fullmatch(key)), "")


def known(part: str, layers: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The layers of a network by all names that files have for them, or for several at once."""
    found = {squashed(part, name): (name,) for name in layers}
    if part == "unet":
        found |= {squashed(part, old): (name,) for name, old in ldm_names(layers).items()}
    if part == "transformer":
        found |= {squashed(part, old): own for old, own in bfl_names(layers).items()}
    return found


def squashed(part: str, layer: str) -> str:
    """One name for all that a layer is called: kohya writes no dots, old files had processors."""
    flat = layer.replace(".", "_").replace("_processor_to_", "_to_")
    if part.startswith("text_encoder"):
        flat = re.sub(r"self_attn_to_(q|k|v|out)$", r"self_attn_\1_proj", flat)
        return flat.removeprefix("text_model_")
    return re.sub(r"_to_out$", "_to_out_0", flat)


def _matched(key: str) -> re.Match[str] | None:
    original = ORIGINAL.fullmatch(key)
    if original and (original["part"] in PARTS or is_bfl(original["layer"])):
        return original
    found = (each.fullmatch(key) for each in (KOHYA, LYCORIS, DIFFUSERS, PEFT))
    return next(filter(None, found), None)


def _part_of(match: re.Match[str]) -> str:
    """The part that has the layer of a key: kohya calls every network that paints a unet."""
    part, layer = match.groupdict().get("part"), match["layer"]
    if part == "diffusion_model" or (part == "unet" and is_bfl(layer)):
        return "transformer"
    if part:
        return PARTS.get(part, part)
    for own, beginnings in OWN_LAYERS.items():
        if layer.replace(".", "_").startswith(beginnings):
            return own
    return "transformer"
