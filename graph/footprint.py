"""Footprints: what the networks of a folder take in memory, told from the headers of its files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from graph.companions import ADAPTERS, IMAGE_ENCODER, Companion
from graph.errors import ChoraleError, Diagnostic
from graph.folders import loaded_files, networks, read_json, stored_numbers
from graph.library import Model
from graph.lora import Lora

WIDTHS = {"float64": 8, "float32": 4}
"""Bytes of a number; those of every other precision have two."""
AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", re.ASCII | re.IGNORECASE)
UNITS = ("", "K", "M", "G", "T")


@dataclass(frozen=True, slots=True)
class Part:
    """What is held in memory once, whoever needs it: `key` tells it from others.

    `said` names it in a sentence, `size` is in bytes; `device` is nothing for the lead device.
    """

    key: str
    said: str
    size: int
    device: str = ""


def parts_of(found: Model | Companion | Lora, precision: str, device: str = "") -> tuple[Part, ...]:
    """What a model, companion or LoRA takes when it is loaded in that precision, such as float16.

    Experts of one latent space share its autoencoder, which is on the lead device; one that lies in
    one file with the rest is counted there. What T5 keeps in float32 beside float16 is left out: a
    fifth of it. ChoraleError M005 or M013.
    """
    width = WIDTHS.get(precision, 2)
    if isinstance(found, Lora):
        # of a decomposed weight three sums of squares are kept in float32 for every length
        size = _numbers(found.name, [found.path]) * width + 3 * 4 * found.lengths
        return (Part(found.name, found.name, size, device),)
    name, folder = found.name, found.folder
    if found.file is not None:
        return (Part(name, name, _numbers(name, [found.file]) * width, device),)
    if isinstance(found, Companion):
        eyes = loaded_files(folder / IMAGE_ENCODER)
        size = _numbers(name, [*loaded_files(folder), *eyes]) * width
        adapters = [folder / ADAPTERS] if (folder / ADAPTERS).is_file() else []
        return (Part(name, name, size + 4 * _numbers(name, adapters), device),)
    held = networks(read_json(name, folder / "model_index.json"))
    own = sum(_numbers(name, loaded_files(folder / part)) for part in held if part != "vae")
    mine = Part(name, name, own * width, device)
    if "vae" not in held:
        return (mine,)
    vae = folder / "vae"
    # in float16 some would overflow, and their pictures be black: see graph/codec.py
    upcast = read_json(name, vae / "config.json").get("force_upcast", True)
    wide = 4 if precision == "float16" and upcast else width
    said = f"the autoencoder of {found.space.label}"
    return (mine, Part(found.space.id, said, _numbers(name, loaded_files(vae)) * wide))


def total(parts: Iterable[Part]) -> int:
    """Bytes of all parts together, each counted once."""
    return sum({part.key: part.size for part in parts}.values())


def amount(text: str) -> int:
    """The bytes that a setting such as `12G` or `800 MiB` allows; ChoraleError R013."""
    found = AMOUNT.fullmatch(text.strip())
    size = int(float(found[1]) * 1024 ** UNITS.index(found[2].upper())) if found else 0
    if size:
        return size
    raise ChoraleError(
        Diagnostic(
            "R013",
            f"CHORALE_MEMORY got '{text[:40]}', expected how many bytes networks may take.",
            "Write for example CHORALE_MEMORY=12G, or leave it out.",
        )
    )


def shown(size: int) -> str:
    """Bytes as people read them."""
    power = min(max(size.bit_length() - 1, 0) // 10, len(UNITS) - 1)
    return f"{size / 1024**power:.{1 if power else 0}f} {UNITS[power]}{'iB' if power else 'bytes'}"


def on(device: str, parts: Iterable[Part]) -> list[Part]:
    """The parts that lie on a device."""
    return [part for part in parts if part.device == device]


def no_room(
    parts: Iterable[Part], others: Iterable[Part], most: int, device: str = ""
) -> ChoraleError:
    """R012: what a run needs of a device, what other runs hold there, and how much there may be."""
    wanted = {part.key: part for part in parts}
    held = [part for part in others if part.key not in wanted]
    each = ", ".join(f"{part.said} {shown(part.size)}" for part in wanted.values())
    where = f" on {device}" if device else ""
    beside = f" beside the {shown(total(held))} of other runs that play" if held else ""
    return ChoraleError(
        Diagnostic(
            "R012",
            f"The networks of this run take {shown(total(wanted.values()))}{beside}, and "
            f"{shown(most)} may be taken{where}: {each}.",
            "Wait until the other runs have ended."
            if held and total(wanted.values()) <= most
            else "Use fewer or smaller models, or set CHORALE_MEMORY higher if there is more.",
        )
    )


def _numbers(name: str, files: Iterable[Path]) -> int:
    return sum(stored_numbers(name, file).total() for file in files)
