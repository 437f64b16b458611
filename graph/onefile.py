"""Checkpoints of one file, with the layers' original names; told by their headers without torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from graph.errors import ChoraleError, Diagnostic
from graph.headers import Header, header

UNET, VAE = "model.diffusion_model.", "first_stage_model."
FIRST = f"{UNET}input_blocks.0.0.weight"
READERS: Mapping[str, Mapping[str, str]] = {
    "StableDiffusionPipeline": {"text_encoder": "cond_stage_model."},
    "StableDiffusionXLPipeline": {
        "text_encoder": "conditioner.embedders.0.",
        "text_encoder_2": "conditioner.embedders.1.",
    },
}
"""How the keys of each text encoder begin, by the pipeline that loads from one file."""
LOADS = "Stable Diffusion 1 and 2, and SDXL, as the original code stores them"
OTHERS = {
    f"{UNET}joint_blocks.": "Stable Diffusion 3",
    f"{UNET}double_blocks.": "Flux",
    "double_blocks.": "Flux",
    "control_model.": "a ControlNet",
    "lvlm.": "a language model",
}
"""Beginnings of keys by which files of other families are known."""


@dataclass(frozen=True, slots=True)
class OneFile:
    """What the header of a checkpoint says: its pipeline, and the widths of its UNet.

    `width` is that of the first layer, `words` that of the words which it reads.
    """

    name: str
    path: Path
    pipeline: str
    width: int
    words: int

    def fits(self, unet: Mapping[str, Any]) -> bool:
        """Whether this is the configuration of a UNet of its widths."""
        widths: Any = unet.get("block_out_channels") or [None]
        first = widths[0] if isinstance(widths, list | tuple) else None  # pyright: ignore[reportUnknownVariableType]
        return (first, unet.get("cross_attention_dim")) == (self.width, self.words)

    def __str__(self) -> str:
        return f"{self.pipeline} (first layer {self.width} wide, words {self.words} wide)"


def read_onefile(name: str, path: Path) -> OneFile:
    """Read the header of a checkpoint; ChoraleError M013 or M042."""
    found = header(name, path)
    shapes = found.shapes
    words = [
        shape[1]
        for key, shape in shapes.items()
        if key.endswith("attn2.to_k.weight") and len(shape) == 2
    ]
    if len(shapes.get(FIRST, ())) != 4 or not words:
        raise _refused(name, f"it is {_other(found)}")
    if shapes[FIRST][1] != 4:
        raise _refused(name, f"its UNet takes {shapes[FIRST][1]} channels, expected 4")
    pipeline = (
        "StableDiffusionXLPipeline"
        if any(key.startswith("conditioner.") for key in shapes)
        else "StableDiffusionPipeline"
    )
    parts = {"vae": VAE, **READERS[pipeline]}
    lacking = [
        part for part, start in parts.items() if not any(key.startswith(start) for key in shapes)
    ]
    if lacking:
        raise _refused(name, f"it has no {' and no '.join(lacking)}")
    return OneFile(name, path, pipeline, shapes[FIRST][0], words[0])


def tensors_hash(path: Path, start: str = "") -> str:
    """16 hexadecimal digits for the tensors whose keys begin with `start`, whatever their names.

    Kept until the file changes. ChoraleError M013 for a file that is no safetensors.
    """
    header(path.name, path)
    found = path.stat()
    return _tensors_hash(path, start, found.st_mtime_ns, found.st_size)


def bytes_of(path: Path, start: str = "") -> int:
    """How many bytes the tensors have whose keys begin with `start`."""
    return sum(last - first for first, last in _places(path, start))


@lru_cache(maxsize=64)
def _tensors_hash(path: Path, start: str, _modified: int, _size: int) -> str:
    hashes: list[str] = []
    with path.open("rb") as file:
        for first, last in _places(path, start):
            file.seek(first)
            hashes.append(hashlib.sha256(file.read(last - first)).hexdigest())
    return hashlib.sha256("".join(sorted(hashes)).encode()).hexdigest()[:16]


def _places(path: Path, start: str) -> Iterator[tuple[int, int]]:
    """Where the tensors lie in a file, of which the header has been read before."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        said = json.loads(file.read(length))
    for key, value in said.items():
        if key != "__metadata__" and key.startswith(start):
            first, last = value["data_offsets"]
            yield 8 + length + first, 8 + length + last


def _other(found: Header) -> str:
    for start, family in OTHERS.items():
        if any(key.startswith(start) for key in found.shapes):
            return family
    if any(key.startswith(("down_blocks.", "transformer_blocks.")) for key in found.shapes):
        return "one network of a diffusers folder"
    return f"a file of {len(found.shapes)} tensors, such as {next(iter(found.shapes), 'none')[:80]}"


def _refused(name: str, why: str) -> ChoraleError:
    return ChoraleError(
        Diagnostic(
            "M042",
            f"'{name}' is no checkpoint that loads from one file: {why}. What loads: {LOADS}.",
            "Choose such a file, or a folder as diffusers writes it.",
        )
    )
