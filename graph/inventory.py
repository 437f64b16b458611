"""The inventory: what lies in the model folder, read from its files without loading a network."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from graph.companions import Card, Companion, GuidanceCard, ModulatorCard
from graph.errors import ChoraleError, Diagnostic
from graph.folders import Folder, content_hash, read_json, stored_numbers
from graph.library import Library, Model
from graph.lora import Lora

NUMBERS = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
LICENCE = re.compile(r"^license:\s*(\S.*?)\s*$", re.MULTILINE)
RECORD = "hub.json"
"""In a folder that was fetched, or behind the name of such a file: where it is from."""
MOST_READ = 2**16
"""Characters of a README in which the licence is looked for."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One folder of the library, or one file.

    Attributes:
        name: below the model folder.
        role: expert, lora, modulator, guidance, adapter, or configuration for a folder without
            weights, which lends what it has to checkpoints of one file.
        family: the pipeline's class, or that of the network.
        asked: what it is asked with, such as text, or mask, sketch; of a LoRA, what it changes,
            and its kind if it is of another.
        space: the latent space that it belongs to, or "" for one that looks at pictures of
            any and for what is added to an expert, whose space it has.
        precision: the type of most of its numbers as stored, such as float16.
        size: bytes of its weights.
        licence: as its README.md states it, of a file what the hub said, or "".
        hash: 16 hexadecimal digits for the weights that make it what it is.
    """

    name: str
    role: str
    family: str
    asked: str
    space: str
    precision: str
    size: int
    licence: str
    hash: str


def inventory(library: Library) -> Iterator[Entry | Diagnostic]:
    """Every expert and companion below the model folder, or what is wrong with it, by name."""
    experts, loras = set(library.names()), set(library.loras())
    yield from library.shelves.missing()
    names = sorted({*experts, *loras, *library.shelves.companions()})
    for name in names:
        try:
            if name in experts:
                lender = library.lender(name)
                yield _lent(library, name, lender) if lender else _expert(library.model(name))
            elif name in loras:
                yield _lora(library.lora(name))
            else:
                yield _companion(library.companion(name))
        except ChoraleError as error:
            yield from error.diagnostics


def _expert(model: Model) -> Entry:
    place = model.file or model.folder
    precision, size = _stored(model.name, place)
    return Entry(
        name=model.name,
        role="expert",
        family=model.pipeline,
        asked=model.card.condition,
        space=str(model.space),
        precision=precision,
        size=size,
        licence=_recorded(model.file) if model.file else _licence(model.folder),
        hash=model.hash,
    )


def _lent(library: Library, name: str, folder: Folder) -> Entry:
    return Entry(
        name=name,
        role="configuration",
        family=folder.pipeline,
        asked=folder.condition,
        space="",
        precision="",
        size=0,
        licence=_licence(library.shelves.at(name) or library.folder),
        hash="",
    )


def _lora(lora: Lora) -> Entry:
    precision, size = _stored(lora.name, lora.path)
    return Entry(
        name=lora.name,
        role="lora",
        family=lora.family,
        asked=f"{', '.join(lora.parts)}{_called(lora)}",
        space="",
        precision=precision,
        size=size,
        licence=_recorded(lora.path),
        hash=content_hash(lora.path),
    )


def _called(lora: Lora) -> str:
    """What a file is besides, or instead of, LoRA."""
    others = [kind for kind in lora.kinds if kind != "LoRA"]
    return f" ({', '.join(others)})" if others else ""


def _companion(companion: Companion) -> Entry:
    card = companion.card
    precision, size = _stored(companion.name, companion.file or companion.folder)
    modulates = isinstance(card, ModulatorCard)
    weights = [companion.file] if companion.file else companion.folder.glob("*.safetensors")
    return Entry(
        name=companion.name,
        role=card.kind,
        family=companion.network,
        asked=_asked(card),
        space=f"{card.space} ({'×'.join(map(str, card.shape))})" if modulates else "",
        precision=precision,
        size=size,
        licence=_recorded(companion.file) if companion.file else _licence(companion.folder),
        hash=content_hash(min(weights)),
    )


def _asked(card: Card) -> str:
    if isinstance(card, ModulatorCard):
        return ", ".join(card.maps)
    return card.asks if isinstance(card, GuidanceCard) else "a picture"


def _stored(name: str, place: Path) -> tuple[str, int]:
    """The type of most numbers in the weight files and their bytes; ChoraleError M013."""
    numbers, size = Counter[str](), 0
    for path in [place] if place.is_file() else place.rglob("*.safetensors"):
        size += path.stat().st_size
        numbers += stored_numbers(name, path)
    most = numbers.most_common(1)[0][0] if numbers else ""
    return NUMBERS.get(most, most.lower()), size


def _recorded(file: Path) -> str:
    """What the hub said of a file when it was fetched."""
    record = file.with_name(f"{file.name}.{RECORD}")
    return str(read_json(file.name, record).get("licence", ""))[:60] if record.is_file() else ""


def _licence(folder: Path) -> str:
    """What the front matter of the README says, as the model hub writes it."""
    try:
        with (folder / "README.md").open(encoding="utf-8", errors="replace") as file:
            said = file.read(MOST_READ)
    except OSError:
        return ""
    head = said.removeprefix("---\n").partition("\n---")[0] if said.startswith("---\n") else ""
    found = LICENCE.search(head)
    return found[1][:60] if found else ""
