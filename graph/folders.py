"""Folders: what diffusers' own files say about a model, read without loading it."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from graph.errors import ChoraleError, Diagnostic
from graph.headers import header

PICKLED = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"})
# What a pipeline is made of beside the networks that an expert is loaded from.
NOT_LOADED = (
    "Scheduler",
    "Tokenizer",
    "TokenizerFast",
    "Extractor",
    "Processor",
    "SafetyChecker",
)
MOST_LEVELS = 9
"""Of an autoencoder; a place would be 256 pixels wide."""
DENOISERS = ("transformer", "unet")
UNSAID_SIZES = {"FluxPipeline": 128}  # where the pipeline itself knows the size of latents
SHOWN = {
    "StableDiffusionInpaintPipeline": "text+photo+region",
    "StableDiffusionInstructPix2PixPipeline": "text+photo",
}
"""What a pipeline is asked with that is shown a picture beside the sentence."""
MAX_CONFIG = 4 * 2**20
USUAL_NAMES = ("diffusion_pytorch_model", "model")
"""How the weight files begin that diffusers and transformers look for."""
SHARD = re.compile(r"-(\d{5})-of-(\d{5})(?=\.safetensors$)")


@dataclass(frozen=True, slots=True)
class Folder:
    """A model's folder as its files describe it.

    `shape` is (channels, height, width) of the state, `scale` the pixels per place on a side,
    `autoencoder` the weight file that defines the latent space, None for a model of pixels.
    """

    pipeline: str
    condition: str
    shape: tuple[int, ...]
    scale: int
    autoencoder: Path | None
    prediction: str


def read_folder(name: str, folder: Path, *, weights: bool = True) -> Folder:
    """Read a diffusers folder, whose weights are looked for unless they lie elsewhere.

    Raises ChoraleError M001 to M005, M012, M013 or M053, each naming the file at fault.
    """
    if not folder.is_dir():
        raise _refused(
            "M001", f"There is no model '{name}' in the library.", "Choose another model."
        )
    if not (folder / "model_index.json").is_file():
        raise _refused(
            "M002",
            f"'{name}' has no model_index.json: it is no diffusers folder.",
            "Save the model with save_pretrained of its pipeline.",
        )
    index = read_json(name, folder / "model_index.json")
    for part in networks(index) if weights else ():
        check_weights(name, folder / part)
    return described(name, folder)


def described(name: str, folder: Path) -> Folder:
    """What the configurations of a diffusers folder say, whether or not its weights are there.

    Raises ChoraleError M005 or M012.
    """
    index = read_json(name, folder / "model_index.json")
    core = next((part for part in DENOISERS if part in index), "unet")
    config = read_json(name, folder / core / "config.json")
    pipeline = str(index.get("_class_name", "unknown"))
    if "vae" in index:
        vae = read_json(name, folder / "vae" / "config.json")
        channels, scale = vae.get("latent_channels"), _scale(name, vae)
        autoencoder = next(iter(_weights(folder / "vae")), None)
    else:
        channels, scale, autoencoder = (
            config.get("out_channels", config.get("in_channels")),
            1,
            None,
        )
    return Folder(
        pipeline,
        _condition(pipeline, index),
        _shape(name, channels, config.get("sample_size", UNSAID_SIZES.get(pipeline))),
        scale,
        autoencoder,
        _prediction(folder),
    )


def levels_of(config: Mapping[str, Any]) -> int:
    """How many resolutions an autoencoder has, each half of the one before, by its file."""
    widths = config.get("block_out_channels") or config.get("encoder_block_out_channels") or [None]
    return len(widths) if isinstance(widths, list | tuple) else 0  # pyright: ignore[reportUnknownArgumentType]


def _scale(name: str, vae: Mapping[str, Any]) -> int:
    """Pixels of a latent place on its side."""
    levels = levels_of(vae)
    if 0 < levels <= MOST_LEVELS:
        return 2 ** (levels - 1)
    raise _refused(
        "M012",
        f"The files of '{name}' do not say the size of its latents: block_out_channels of "
        f"vae/config.json has {levels} widths, expected 1 to {MOST_LEVELS}.",
        "Copy the model's folder again.",
    )


def read_json(name: str, path: Path) -> dict[str, Any]:
    """A configuration file of a model; ChoraleError M005 if it cannot be read."""
    try:
        if path.stat().st_size > MAX_CONFIG:
            raise ValueError("too large")
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _unread(name, path)
    return found  # pyright: ignore[reportUnknownVariableType]


def listed(folders: Iterable[str]) -> list[str]:
    """Those of these folders in which models are looked for: a hidden one may not be whole."""
    return [each for each in folders if not each.startswith(".")]


def stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Changes whenever a file of the folder or of its parts is added, removed or replaced."""
    found: list[tuple[str, int, int]] = []
    for place in (folder, *(folder / part for part in _parts(folder))):
        found += [(entry.path, *stat(Path(entry.path))) for entry in _entries(place)]
    return tuple(sorted(found))


def _parts(folder: Path) -> list[str]:
    return [entry.name for entry in _entries(folder) if entry.is_dir()]


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a folder; nothing if it is gone or is none."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def content_hash(path: Path) -> str:
    """16 hexadecimal digits of the sha256 of a file, kept until the file changes."""
    return _hash(path, *stat(path))


def denoiser_of(folder: Path) -> Path:
    """Where a model has the network that denoises: a transformer, or a UNet."""
    return next((folder / part for part in DENOISERS if (folder / part).is_dir()), folder / "unet")


def network_hash(folder: Path) -> str:
    """16 hexadecimal digits for the weights of a model's denoiser, kept until they change."""
    files = (path for part in DENOISERS for path in _weights(folder / part))
    joined = "".join(f"{path.name}:{content_hash(path)};" for path in files)
    return hashlib.sha256(joined.encode()).hexdigest()[:16]


@lru_cache(maxsize=256)
def _hash(path: Path, _modified: int, _size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def stat(path: Path) -> tuple[int, int]:
    """When a file was changed and its bytes; zeros for one that is not there."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


def networks(index: dict[str, Any]) -> list[str]:
    """The parts of a pipeline whose weights are loaded."""
    return [
        part
        for part, value in index.items()
        if isinstance(value, list)
        and len(value) == 2  # pyright: ignore[reportUnknownArgumentType]
        and isinstance(value[1], str)
        and not value[1].endswith(NOT_LOADED)
        and part.isidentifier()
        and not part.startswith("_")
    ]


def _weights(folder: Path) -> list[Path]:
    """The weight files of a network; those that are no variant, such as fp16, come first."""
    found = folder.glob("*.safetensors")
    return sorted(found, key=lambda path: (path.name.count("."), path.name))


def check_pickle(name: str, path: Path) -> None:
    """Refuse a file that is a pickle; ChoraleError M004."""
    if path.suffix in PICKLED:
        raise _refused(
            "M004",
            f"'{name}' is pickled; pickles can run code and are never loaded.",
            "Take the .safetensors file of it, or convert it with a tool that you trust.",
        )


def check_weights(name: str, folder: Path) -> None:
    """Refuse a network without whole safetensors; ChoraleError M003 to M005, M013 or M053."""
    files = {path.name for path in folder.glob("*")}
    loaded = chosen(files)
    expected = _told(name, folder, loaded)
    if not loaded and not expected:
        raise no_weights(name, folder.name, sorted(files))
    for each in sorted({*expected, *_row(loaded)}):
        if each not in files:
            raise _refused(
                "M053",
                f"'{name}' lacks a part of its weights: {folder.name}/{each} is not there.",
                "Copy the model's folder again.",
            )
    for each in sorted({*expected, *loaded}):
        stored_numbers(name, folder / each)


def no_weights(name: str, part: str, files: Iterable[str]) -> ChoraleError:
    """What to say of a network that has `files` and no safetensors among them."""
    pickled = next((each for each in files if Path(each).suffix in PICKLED), None)
    if pickled:
        return _refused(
            "M004",
            f"'{name}' has only pickled weights in {part}/ ({pickled}); "
            "pickles can run code and are never loaded.",
            "Save it again with safe_serialization=True.",
        )
    return _refused(
        "M003", f"'{name}' has no weights in {part}/.", "Copy the model's folder again."
    )


def variant_of(file: str) -> str:
    """The variant that a weight file's name tells: fp16 of model.fp16.safetensors, or ""."""
    first = file.split(".")[1]
    return "" if first == "safetensors" else first.partition("-")[0]


def chosen(files: Iterable[str], variant: str = "") -> list[str]:
    """The safetensors of one network that are loaded, of those that are there.

    Those of the variant; else those of none, else of the first. One file goes before several.
    """
    every = sorted(each for each in files if each.endswith(".safetensors"))
    usual = [each for each in every if each.startswith(USUAL_NAMES)] or every
    found: dict[str, list[str]] = {}
    for each in usual:
        found.setdefault(variant_of(each), []).append(each)
    of_one = found.get(variant) or found.get("") or next(iter(found.values()), list[str]())
    return [each for each in of_one if not SHARD.search(each)][:1] or of_one


def loaded_files(folder: Path) -> list[Path]:
    """The weight files of a network's folder that are loaded."""
    return [folder / each for each in chosen(path.name for path in folder.glob("*.safetensors"))]


def _told(name: str, folder: Path, loaded: Sequence[str]) -> set[str]:
    """The files among which the loaded variant is divided, as its index says, if there is one."""
    if loaded and not SHARD.search(loaded[0]) and not loaded[0].startswith(USUAL_NAMES[0]):
        return set()  # transformers looks for one file first, diffusers for the index
    found: set[str] = set()
    for path in folder.glob("*.safetensors.index*.json"):
        variant = path.name.partition(".safetensors.index")[2].removesuffix(".json").strip(".")
        if loaded and variant != variant_of(loaded[0]):
            continue
        places: Any = read_json(name, path).get("weight_map")
        files: set[Any] = set(places.values()) if isinstance(places, dict) else {None}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        if not all(isinstance(each, str) and Path(each).name == each for each in files):
            raise _unread(name, path)
        found |= files
    return found


def _row(loaded: Sequence[str]) -> set[str]:
    """Of files that are one of several: all of them, and the index, by their names."""
    found: set[str] = set()
    for each in loaded:
        numbered = SHARD.search(each)
        if numbered is None:
            continue
        stem, count = each[: numbered.start()], int(numbered[2])
        found |= {f"{stem}-{n + 1:05d}-of-{count:05d}.safetensors" for n in range(count)}
        base, dot, variant = stem.partition(".")
        found.add(f"{base}.safetensors.index{dot}{variant}.json")
    return found


def stored_numbers(name: str, path: Path) -> Counter[str]:
    """How many numbers of each type a weight file holds, by its header.

    ChoraleError M013 for a file that is cut short or is none; `name` is the model's.
    """
    found, numbers = header(name, path), Counter[str]()
    for key, shape in found.shapes.items():
        numbers[found.types[key]] += math.prod(shape)
    return numbers


def _shape(name: str, channels: object, size: object) -> tuple[int, ...]:
    sides: list[object] = size if isinstance(size, list) else [size, size]  # pyright: ignore[reportUnknownVariableType]
    shape = (channels, *sides)
    if len(shape) == 3 and all(isinstance(side, int) and 0 < side < 2**16 for side in shape):
        return shape  # pyright: ignore[reportReturnType]
    raise _refused(
        "M012",
        f"The files of '{name}' do not say the size of its latents: "
        f"got channels {channels} and size {size}.",
        "Choose a model of pictures whose sizes are fixed.",
    )


def _condition(pipeline: str, index: dict[str, Any]) -> str:
    """What the pipeline is asked with, by its class and its parts."""
    if pipeline.startswith("DiT"):
        return "class"
    if pipeline in SHOWN:
        return SHOWN[pipeline]
    return "text" if "text_encoder" in index else "none"


def _prediction(folder: Path) -> str:
    path = folder / "scheduler" / "scheduler_config.json"
    config = read_json(folder.name, path) if path.is_file() else {}
    if str(config.get("_class_name", "")).startswith("FlowMatch"):
        return "flow_prediction"
    return str(config.get("prediction_type", "epsilon"))


def pixels(shape: tuple[int, ...], scale: int) -> int:
    """The pixels of one picture decoded from a state of this shape."""
    return math.prod(shape[1:]) * scale**2


def _unread(name: str, path: Path) -> ChoraleError:
    return _refused(
        "M005",
        f"'{path.parent.name}/{path.name}' of '{name}' cannot be read as a JSON object.",
        "Copy the model's folder again.",
    )


def _refused(code: str, message: str, hint: str) -> ChoraleError:
    return ChoraleError(Diagnostic(code, message, hint))
