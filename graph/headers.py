"""Headers: what a safetensors file says of its tensors, read without torch and without them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from graph.errors import ChoraleError, Diagnostic


@dataclass(frozen=True, slots=True)
class Header:
    """The shape of every tensor by its key, their types as stored, and what else is noted."""

    shapes: Mapping[str, tuple[int, ...]]
    types: Mapping[str, str]
    notes: Mapping[str, str]


def header(name: str, path: Path) -> Header:
    """The header of `path`, a file of the model `name`, kept until the file changes.

    ChoraleError M013 for a file that is no safetensors, or of which a part is missing.
    """
    try:
        found = path.stat()
        return _header(path, found.st_mtime_ns, found.st_size)
    except (SafetensorError, OSError) as error:
        raise ChoraleError(
            Diagnostic(
                "M013",
                f"The files of '{name}' cannot be loaded: {path.parent.name}/{path.name}: {error}",
                "Copy the file again: a part of it is missing, or it is no safetensors file.",
            )
        ) from error


def shapes_of(name: str, folder: Path) -> dict[str, tuple[int, ...]]:
    """The shapes of all tensors of a folder by their keys; ChoraleError M013."""
    found: dict[str, tuple[int, ...]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        found |= header(name, path).shapes
    return found


@lru_cache(maxsize=256)
def _header(path: Path, _modified: int, _size: int) -> Header:
    opened: Any = safe_open(path, "np")
    shapes: dict[str, tuple[int, ...]] = {}
    types: dict[str, str] = {}
    with opened as file:
        for key in file.keys():  # noqa: SIM118 - it is no mapping
            part: Any = file.get_slice(key)
            shapes[key], types[key] = tuple(part.get_shape()), part.get_dtype()
        notes: dict[str, str] = file.metadata() or {}
    return Header(shapes, types, notes)
