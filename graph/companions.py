"""Companions: folders of small modules that were trained to bend an expert; read without torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from graph.errors import ChoraleError, Diagnostic
from graph.folders import check_weights, read_json
from graph.palettes import MaskClass

MapKind = Literal["mask", "sketch"]
MAPS: tuple[MapKind, ...] = get_args(MapKind)
MAX_WEIGHTS = 32 * 2**20
"""Bytes; a companion is small, and four million parameters are 16 MiB."""


class ModulatorCard(BaseModel):
    """What a modulator's folder says of itself in card.json.

    `base` and `base_hash` are the expert that it was trained on, by name and content; `space`,
    `space_id` and `shape` the latent space of that expert.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    kind: Literal["modulator"]
    maps: tuple[MapKind, ...] = Field(min_length=1, max_length=len(MAPS))
    base: str = Field(max_length=200)
    base_hash: str = Field(pattern=r"^[0-9a-f]{16}$")
    space: str = Field(max_length=200)
    space_id: str = Field(max_length=200)
    shape: tuple[int, int, int]
    palette: tuple[MaskClass, ...] = Field(default=(), max_length=256)
    level_range: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True)
class Companion:
    """A companion's folder: its card, and the class of its network."""

    name: str
    folder: Path
    card: ModulatorCard
    network: str


def companion_names(models: Path) -> tuple[str, ...]:
    """Every folder below the model folder that holds a companion, in alphabetical order."""
    found: list[str] = []
    for path, folders, files in os.walk(models):
        if "model_index.json" in files:
            folders.clear()
        elif {"card.json", "config.json"} <= set(files):
            found.append(Path(path).relative_to(models).as_posix())
    return tuple(sorted(found))


def open_companion(name: str, folder: Path) -> Companion:
    """Read a companion's folder; ChoraleError M003 to M005 or M014."""
    if not (folder / "card.json").is_file() or not (folder / "config.json").is_file():
        raise _refused(
            "M014",
            f"'{name}' is no modulator: it has no card.json beside a config.json.",
            "Choose a folder that the training of modulators wrote.",
        )
    card = _card(name, folder)
    check_weights(name, folder)
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    if size > MAX_WEIGHTS:
        raise _refused(
            "M014",
            f"'{name}' is no modulator: its weights have {size / 2**20:.0f} MiB, "
            f"expected at most {MAX_WEIGHTS // 2**20}.",
            "Choose a folder that the training of modulators wrote.",
        )
    network = str(read_json(name, folder / "config.json").get("_class_name", "unknown"))
    return Companion(name, folder, card, network)


def _card(name: str, folder: Path) -> ModulatorCard:
    content = read_json(name, folder / "card.json")
    try:
        card = ModulatorCard.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where, why = ".".join(map(str, first["loc"])), first["msg"]
    else:
        if len(set(card.maps)) == len(card.maps):
            return card
        where, why = "maps", "a map is named twice"
    raise _refused(
        "M005",
        f"The card.json of '{name}' is wrong at '{where}': {why}.",
        "Write it as docs/modulators.md says.",
    )


def _refused(code: str, message: str, hint: str) -> ChoraleError:
    return ChoraleError(Diagnostic(code, message, hint))
