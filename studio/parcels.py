"""Parcels: which files of a repository are brought, told by what little of them comes first."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from shlex import quote
from typing import Any

from graph.companions import (
    ADAPTERS,
    ALIKE,
    GUIDES,
    IMAGE_ENCODER,
    KEYS,
    MAX_MODEL,
    MODEL_WEIGHTS,
    network_of,
    read_ip_adapter,
)
from graph.controlnets import is_controlnet, read_widths
from graph.errors import ChoraleError
from graph.folders import (
    PICKLED,
    SHARD,
    check_pickle,
    chosen,
    networks,
    no_weights,
    read_json,
    variant_of,
)
from graph.footprint import shown
from graph.headers import header
from graph.keys import PEFT
from graph.lora import PEFT_CONFIG, is_lora, read_lora
from graph.onefile import read_onefile
from graph.pipelines import check_index
from studio.repository import WEIGHTS, File, Repository, check_room, refused

INDEX, CONFIG = "model_index.json", "config.json"
SETTINGS = (".json", ".txt", ".model")
"""How the files end that a scheduler, a tokenizer or a network has beside its weights."""
README = "README.md"
BESIDE = ("card.json", README)
OF_COMPANIONS = (CONFIG, "preprocessor_config.json", *BESIDE, ADAPTERS)
READ = ("Scheduler", "Tokenizer", "TokenizerFast")
"""How the classes end whose settings are read, though they have no weights."""
MOST_HEADER = 100_000_000
"""Bytes; safetensors reads no longer header."""
MOST_NAMED = 12


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is brought, the settings before the weights; `name` is what the library will call it."""

    name: str
    settings: Sequence[File]
    weights: Sequence[File]


def meant(hub: Repository, path: str, asked: str) -> str:
    """The one file that is brought: that of the path, or the only one; "" for a whole folder.

    `asked` is how the repository was written. ChoraleError M002, M004 or M059.
    """
    every = [each for each in hub.files if each.endswith(WEIGHTS) and not _of_encoder(each)]
    if path:
        check_pickle(path, Path(path))
        if path in every:
            return path
        close = [*get_close_matches(path, every, n=1), *sorted(every), ""][0]
        raise _unclear(f"has no file '{path[:80]}' of weights", hub, every, close, asked)
    if INDEX in hub.files or CONFIG in hub.files:
        return ""
    for found in ([each for each in every if "/" not in each], every):
        if len(found) == 1:
            return found[0]
    if every:
        first = min(every)
        raise _unclear(f"has {len(every)} files that could be meant", hub, every, first, asked)
    for each in hub.files:
        if Path(each).suffix in PICKLED:
            check_pickle(f"{hub.repository}/{each}", Path(each))
    raise refused(
        "M002",
        f"'{hub.repository}' has no {INDEX} and no {CONFIG}: it is no folder of diffusers or "
        "transformers; nor has it a file of weights.",
        "Choose another model.",
    )


def of_folder(hub: Repository, folder: Path, name: str, variant: str) -> Parcel:
    """What is loaded of a whole model; the file that tells is fetched for it.

    ChoraleError M003 to M006, M014 or M020 where the repository has no model for Chorale.
    """
    first = INDEX if INDEX in hub.files else CONFIG
    hub.bring(folder, hub.files[first])
    told = read_json(hub.repository, folder / first)
    if first == INDEX:
        check_index(hub.repository, told)
        found = [INDEX, *_of_parts(hub, told, variant)]
    else:
        found = _of_companion(hub, told)
    found += [each for each in BESIDE if each in hub.files]
    return _parcel(name, [hub.files[each] for each in sorted(set(found))])


def of_file(hub: Repository, folder: Path, place: str, path: str, variant: str) -> Parcel:
    """A LoRA, a checkpoint of one file, or an IP-Adapter, with what has to lie beside it.

    It is told by its header, which is fetched for it; what lies at `place` below the model folder
    is a file of that name, but for an IP-Adapter, which is a folder.

    ChoraleError M003 to M005, M013, M038, M042, M043, M054, M055 or M060.
    """
    own = replace(hub.files[path], place=f"{Path(place).name}{WEIGHTS}")
    name = f"{place}{WEIGHTS}"
    with _hollow(hub, folder, own) as hollow:
        found = header(name, hollow)
        if is_lora(found):
            said = str(PurePosixPath(path).with_name(PEFT_CONFIG))
            beside = [said] if said in hub.files and any(map(PEFT.fullmatch, found.shapes)) else []
            settings = [replace(hub.files[each], place=PEFT_CONFIG) for each in beside]
            for each in settings:
                hub.bring(folder, each)
            read_lora(name, hollow)
            return _parcel(name, [own, *settings])
        if any(map(KEYS.fullmatch, found.shapes)):
            more = [hub.files[each] for each in (README,) if each in hub.files]
            return _parcel(place, [own, *more, *_encoder(hub, folder, place, own, hollow, variant)])
        if is_controlnet(found):
            read_widths(name, hollow)
        else:
            read_onefile(name, hollow)
        return _parcel(name, [own])


@contextmanager
def _hollow(hub: Repository, folder: Path, file: File) -> Generator[Path]:
    """A file of that length with its header alone, which is all that is fetched of it.

    A header of a length that cannot be is left out; whoever reads it says so.
    """
    arriving = hub.begin(folder, file, 8)
    with arriving.open("rb") as begun:
        length = int.from_bytes(begun.read(8), "little")
    if length <= min(MOST_HEADER, file.size - 8):
        hub.begin(folder, file, 8 + length)
    check_room(folder, file.size - file.arrived(folder))  # not every disk leaves holes empty
    hollow = file.below(folder).with_suffix(".header")
    try:
        with arriving.open("rb") as begun, hollow.open("wb") as target:
            target.write(begun.read(8 + min(length, MOST_HEADER)))
            target.truncate(file.size)
        yield hollow
    finally:
        hollow.unlink(missing_ok=True)


def _encoder(
    hub: Repository, folder: Path, place: str, adapter: File, hollow: Path, variant: str
) -> list[File]:
    """The image encoder that an IP-Adapter was made with, of those that the repository has.

    The nearest comes first; which it is, the widths in its config.json tell.
    """
    near = Path(adapter.path).parent
    folders = [Path(each).parent for each in hub.files if each.endswith(f"/{CONFIG}")]
    encoders = [each for each in folders if each.name == IMAGE_ENCODER]
    errors: list[ChoraleError] = []
    for encoder in sorted(encoders, key=lambda each: (each.parent != near, each)):
        part = encoder.as_posix()
        files = [
            replace(hub.files[each], place=f"{IMAGE_ENCODER}/{Path(each).name}")
            for each in _of_network(hub, part, hub.inside(part), variant)
        ]
        config = next(each for each in files if each.path.endswith(f"/{CONFIG}"))
        there = config.below(folder)
        if there.is_file() and not config.is_at(there):
            there.unlink()  # that of another, of a fetch that was interrupted
        hub.bring(folder, config)
        try:
            read_ip_adapter(place, folder, hollow)
        except ChoraleError as error:
            there.unlink()
            errors.append(error)
        else:
            return files
    if errors:
        raise errors[0]
    raise refused(
        "M060",
        f"'{adapter.path}' of '{hub.repository}' is an IP-Adapter, and there is no "
        f"{IMAGE_ENCODER} in its repository.",
        "Download the file by hand into a folder of its own, and copy the image_encoder there "
        "that its authors name for it.",
    )


def _parcel(name: str, files: Sequence[File]) -> Parcel:
    weights = [each for each in files if each.path.endswith(WEIGHTS)]
    return Parcel(name, [each for each in files if each not in weights], weights)


def _of_encoder(path: str) -> bool:
    return IMAGE_ENCODER in Path(path).parts[:-1]


def _unclear(
    why: str, hub: Repository, every: Sequence[str], first: str, asked: str
) -> ChoraleError:
    """M059, with the files that could be meant; `first` is the one to begin with."""
    named = ", ".join(sorted(every)[:MOST_NAMED]) or "none"
    more = f" and {len(every) - MOST_NAMED} more" if len(every) > MOST_NAMED else ""
    return refused(
        "M059",
        f"'{hub.repository}' {why}. It has: {named}{more}.",
        f"Name one: python app.py fetch {asked} --file {quote(first)}"
        if every
        else "Choose another repository.",
    )


def _of_parts(hub: Repository, index: dict[str, Any], variant: str) -> list[str]:
    """The files of a pipeline's parts, but for what Chorale does without."""
    found: list[str] = []
    held = networks(index)
    for part, value in index.items():
        kind = str(value[-1]) if isinstance(value, list) and value else ""  # pyright: ignore[reportUnknownArgumentType]
        files = hub.inside(part) if part.isidentifier() else []
        if part in held:
            found += _of_network(hub, part, files, variant)
        elif kind.endswith(READ):
            found += [f"{part}/{each}" for each in files if each.endswith(SETTINGS)]
    return found


def _of_network(hub: Repository, part: str, files: Sequence[str], variant: str) -> list[str]:
    weights = chosen(files, variant)
    if not weights:
        raise no_weights(hub.repository, part, files)
    of_index = f".safetensors.index.{variant_of(weights[0])}".rstrip(".") + ".json"
    divided = SHARD.search(weights[0]) is not None
    settings = [
        each
        for each in files
        if each.endswith(".json")
        and (".index." not in each or (divided and each.endswith(of_index)))
    ]
    return [f"{part}/{each}" for each in (*settings, *weights)]


def _of_companion(hub: Repository, config: dict[str, Any]) -> list[str]:
    """The files of a model of transformers that guides, of an adapter or of a modulator."""
    network, files = network_of(config), hub.inside("")
    if not network.endswith(GUIDES) and network not in ALIKE and "card.json" not in files:
        raise refused(
            "M020",
            f"'{hub.repository}' cannot guide: it is a {network}.",
            "Choose an image classifier, a segmentation model or a depth estimator, a "
            "ControlNet or T2I-Adapter, or a diffusers folder; or name one file of it with --file.",
        )
    guides = [MODEL_WEIGHTS] if MODEL_WEIGHTS in files else []
    weights = guides if network.endswith(GUIDES) else chosen(files)
    if not weights:
        raise no_weights(hub.repository, hub.repository.partition("/")[2], files)
    if network not in ALIKE and hub.files[weights[0]].size > MAX_MODEL:
        raise refused(
            "M020",
            f"'{hub.repository}' cannot guide: its weights have "
            f"{shown(hub.files[weights[0]].size)}, expected at most {shown(MAX_MODEL)}.",
            "Choose a smaller model.",
        )
    return [*(each for each in OF_COMPANIONS if each in files), *weights]
