"""The shelves: folders in which models are looked for, and the names that models have there."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from graph.companions import IMAGE_ENCODER, companion_names
from graph.controlnets import is_controlnet
from graph.errors import ChoraleError, Diagnostic
from graph.folders import PICKLED, listed
from graph.headers import header
from graph.lora import is_lora

Kind = Literal["expert", "lora", "controlnet"]
Folders = Path | Sequence[Path]
"""A model folder, or several: what is fetched or trained goes to the first."""
NAME = re.compile(r"[A-Za-z0-9_][\w.-]*(/[A-Za-z0-9_][\w.-]*){0,7}", re.ASCII)


class Shelves:
    """Model folders, looked through in their order: of two models of one name the first counts."""

    def __init__(self, folders: Folders) -> None:
        several = (folders,) if isinstance(folders, Path) else folders
        self.folders = tuple(dict.fromkeys(several))

    def models(self) -> dict[str, Path]:
        """Every expert by its name, in alphabetical order.

        A folder with a model_index.json is one, and a file of weights of which no folder tells.
        """
        found = self._found(_names)
        return {name: place for name, place in found.items() if _kind(place) == "expert"}

    def loras(self) -> dict[str, Path]:
        """Every LoRA file by its name, in alphabetical order."""
        found = self._found(_names)
        return {name: place for name, place in found.items() if _kind(place) == "lora"}

    def companions(self) -> dict[str, Path]:
        """Every companion, a folder or a file, by its name, in alphabetical order."""
        found = self._found(_names)
        files = {name: place for name, place in found.items() if _kind(place) == "controlnet"}
        return dict(sorted((self._found(companion_names) | files).items()))

    def at(self, name: str) -> Path | None:
        """What lies at that name, whether it can be used or not."""
        return next((each / name for each in self.folders if (each / name).exists()), None)

    def name(self, place: Path) -> str:
        """The name of what lies there; ValueError if that is below none of the folders."""
        folder = next((each for each in self.folders if place.is_relative_to(each)), place)
        if folder == place:
            raise ValueError(f"{place} lies below none of the model folders")
        return place.relative_to(folder).as_posix()

    def missing(self) -> Iterator[Diagnostic]:
        """M058 for each folder that is not there."""
        for folder in self.folders:
            if not folder.is_dir():
                yield Diagnostic(
                    "M058",
                    f"The model folder {folder} is not there, or is no folder.",
                    "Make it, or name another in CHORALE_MODELS.",
                )

    def place(self, name: str, known: Iterable[str], remedy: str) -> Path:
        """The folder or file of that name, one of those `known`; ChoraleError M001 or M010."""
        if not NAME.fullmatch(name) or ".." in name:
            raise ChoraleError(
                Diagnostic(
                    "M010",
                    f"{_short(name)} is no name of a model.",
                    "Choose a model of the library, such as playground/text.",
                )
            )
        place = self.at(name)
        if place is None:
            raise ChoraleError(unknown(name, known, remedy))
        if not any(place.resolve().is_relative_to(each.resolve()) for each in self.folders):
            raise ChoraleError(
                Diagnostic(
                    "M010",
                    f"'{name}' leads out of the model folder.",
                    "Copy the model into the folder instead of linking it, or name the folder "
                    "that it lies in in CHORALE_MODELS as well.",
                )
            )
        return place

    def _found(self, names: Callable[[Path], Iterable[str]]) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for folder in reversed(self.folders):
            found |= {name: folder / name for name in names(folder)}
        return dict(sorted(found.items()))


def unknown(name: str, known: Iterable[str], remedy: str) -> Diagnostic:
    """M001 for a name that none of those `known` is, with the closest."""
    names = tuple(known)
    close = get_close_matches(name, names, n=1)
    return Diagnostic(
        "M001",
        f"There is no model '{name}' in the library. It has: {', '.join(names[:12]) or 'nothing'}.",
        f"Did you mean '{close[0]}'?" if close else remedy,
    )


def has_weights(path: Path) -> bool:
    """Whether a file is named as weights are."""
    return path.suffix in {".safetensors", *PICKLED}


def _names(folder: Path) -> Iterator[str]:
    """The folders of models, and the files of weights that lie in no such folder."""
    for path, folders, files in os.walk(folder):
        folders[:] = listed(folders)
        place = Path(path).relative_to(folder)
        if "model_index.json" in files:
            folders.clear()
            yield place.as_posix()
        elif IMAGE_ENCODER in folders:
            folders.clear()
        elif not {"config.json", "card.json"} & set(files):
            yield from ((place / file).as_posix() for file in files if has_weights(Path(file)))


def _kind(place: Path) -> Kind:
    """What lies there; of a file that cannot be read nobody knows, and who opens it is told."""
    if place.suffix != ".safetensors" or place.is_dir():
        return "expert"
    try:
        found = header(place.name, place)
    except ChoraleError:
        return "expert"
    if is_lora(found):
        return "lora"
    return "controlnet" if is_controlnet(found) else "expert"


def _short(name: str) -> str:
    shown = repr(name)
    return shown if len(shown) <= 60 else shown[:57] + "…"
