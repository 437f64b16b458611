"""The hub: brings a model of the Hugging Face hub into the library, as a folder or a file."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from shlex import quote

from huggingface_hub.utils import WeakFileLock
from tqdm import tqdm

from graph.companions import IMAGE_ENCODER
from graph.errors import ChoraleError
from graph.folders import described
from graph.footprint import shown
from graph.inventory import RECORD
from graph.library import Library
from graph.onefile import LOADS
from graph.pipelines import check_pipeline
from graph.shelves import NAME
from graph.writing import write_atomically
from studio.parcels import CONFIG, INDEX, Parcel, meant, of_file, of_folder
from studio.repository import WEIGHTS, File, Repository, check_room, no_name, refused

ARRIVING = ".fetching"
"""Where a model lies below the model folder until it is whole; no model is looked for in there."""
MARKS = (INDEX, IMAGE_ENCODER, CONFIG, "card.json")
"""What a model's folder has; below one of the first two, no other model is looked for."""
KEPT = frozenset({"M047", "M048", "M049", "M050", "M051", "M052"})
"""What the hub or the disk refuses: what has arrived can still be gone on with."""
NOTICED = 1.0
"""Seconds after which it is said that another fetch is waited for."""


@dataclass(frozen=True, slots=True)
class Record:
    """What was fetched: of which repository, as which revision was asked for, at which commit.

    `file` is the one file that was brought, of a folder nothing; `only` whether it was not named,
    and `configs` whether the folder came without its weights.
    """

    repository: str
    revision: str
    commit: str
    licence: str
    file: str = ""
    only: bool = False
    configs: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for: a repository, of it perhaps one file, and the name that it is to have.

    `only` is whether the file was not named, being the only one; `configs` asks for a folder
    without its weights.
    """

    repository: str
    revision: str = ""
    file: str = ""
    name: str = ""
    only: bool = False
    configs: bool = False

    @property
    def asked(self) -> str:
        """The repository as it was written."""
        return f"{self.repository}@{self.revision}" if self.revision else self.repository

    @property
    def place(self) -> str:
        """Its path below the model folder, of a file without the ending."""
        if not self.file:
            return self.name or self.repository
        parts = self.file.removesuffix(WEIGHTS).split("/")
        path = "/".join(re.sub(r"[^A-Za-z0-9_.-]+", "-", each).strip(".-") for each in parts)
        return self.name.removesuffix(WEIGHTS) or f"{self.repository}/{path}"

    def __str__(self) -> str:
        part = self.file or ("the configurations" if self.configs else "")
        return f"{part} of {self.asked}" if part else self.asked


def fetch(
    models: Path,
    asked: str,
    *,
    file: str | None = None,
    name: str | None = None,
    variant: str = "",
    configs: bool = False,
    endpoint: str | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Bring `owner/name` or `owner/name@revision` below the model folder, as `name` if given.

    Or one `file` of it: a LoRA, a checkpoint of one file or an IP-Adapter, which is told by its
    header; where the repository is no folder of a model and has but one, that one. Or the
    `configs` of a folder alone, which it lends to checkpoints of one file.

    Only what is loaded is fetched, from where it was interrupted, and held against the hub's
    hashes; it appears when it is whole. The token is that of the variable HF_TOKEN. What
    is there already needs no hub, and what another process fetches is waited for.

    Raises ChoraleError M010 for a name that is none, T009, T020 or T021 where the place is not
    free, M047 to M052 for what the hub says or what arrives, M059 where it is not clear which file
    is meant, and M002 to M023, M038, M042, M043, M053 to M055 or M060 for what cannot be loaded.
    """
    repository, at, revision = asked.partition("@")
    order = Order(repository, revision, file or "", name or "", configs=configs)
    for each in (repository, name or repository):
        if not NAME.fullmatch(each) or ".." in each:
            raise no_name(each)
    if repository.count("/") != 1 or bool(at) != bool(revision):
        raise no_name(asked)
    _check_name(order)
    if _is_there(models, order, endpoint, say):
        return
    hub = Repository(repository, revision or "main", endpoint)
    found = "" if configs else meant(hub, order.file, order.asked)
    order = replace(order, file=found, only=bool(found) and not file)
    _check_name(order)
    key = hashlib.sha256(order.file.encode()).hexdigest()[:16] if order.file else "configs"
    room = models / ARRIVING / (f"{hub.commit}-{key}" if found or configs else hub.commit)
    with _alone(room.with_name(f"{room.name}.lock"), say):
        if not _is_there(models, order, endpoint, say):
            _bring(models, room, order, hub, variant, say)


def _check_name(order: Order) -> None:
    """M010 for a file whose path makes no name here."""
    place = f"{order.place}{WEIGHTS}" if order.file else order.place
    if not NAME.fullmatch(place) or ".." in place:
        raise refused(
            "M010",
            f"'{place[:60]}' is no name of a model.",
            f"Choose one: {_command(order)} --as mine/NAME",
        )


def _is_there(models: Path, order: Order, endpoint: str | None, say: Callable[[str], None]) -> bool:
    """Whether it was fetched before."""
    for name, there in _records(models, order):
        if there.repository != order.repository or order.file not in ("", there.file):
            continue
        if there.configs != order.configs:
            continue
        hub = None
        if order.revision and order.revision not in (there.revision, there.commit):
            hub = Repository(order.repository, order.revision, endpoint)
        if hub is None or hub.commit == there.commit:
            what = str(Order(there.repository, file=there.file, configs=there.configs))
            say(f"{name} is there already: {what} at {there.commit}.")
            return True
    return False


def _records(models: Path, order: Order) -> Iterator[tuple[str, Record]]:
    """What was fetched before and may be what is asked for: its name here, and its record."""
    stem = order.place.removesuffix(WEIGHTS)
    for name in dict.fromkeys((order.place, stem, f"{stem}{WEIGHTS}")):
        there = _record(models / name)
        if there is not None:
            yield name, there
    if order.file or order.name:
        return
    for path in sorted((models / order.repository).rglob(f"*{RECORD}")):
        beside = path.with_name(path.name.removesuffix(f".{RECORD}"))
        model = path.parent if path.name == RECORD else beside
        there = _record(model)
        if there is not None and there.only:
            yield model.relative_to(models).as_posix(), there


def _record(model: Path) -> Record | None:
    """What was fetched as a model; None where nothing was, or nobody knows what."""
    try:
        if model.exists():
            return Record(**json.loads(_record_of(model).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        pass
    return None


def _record_of(model: Path) -> Path:
    """Where the record of a folder or of a file lies."""
    return model / RECORD if model.is_dir() else model.with_name(f"{model.name}.{RECORD}")


def _check_free(models: Path, name: str, order: Order) -> None:
    """T009 where another model has the name, T020 where it would lie within one."""
    place = models / name
    if place.exists():
        holds = place.is_dir() and not any((place / each).exists() for each in MARKS)
        what = "files in" if holds else "a model"
        raise refused(
            "T009",
            f"The library has {what} '{name}' already, and it is not {order}.",
            f"Choose another name: {_command(order)} --as NAME",
        )
    for parent in Path(name).parents[:-1]:
        right_in_it = name.endswith(WEIGHTS) and parent == Path(name).parent
        marks = MARKS if right_in_it else (INDEX, IMAGE_ENCODER)
        if any((models / parent / each).exists() for each in marks):
            raise refused(
                "T020",
                f"'{name}' would lie within the model '{parent.as_posix()}', where the library "
                "looks for no other.",
                f"Choose another place: {_command(order)} --as mine/{Path(name).stem}",
            )


def _check_beside(models: Path, parcel: Parcel, order: Order) -> None:
    """T021 where a file's settings would have to lie where those of another are."""
    for each in parcel.settings:
        there = each.below((models / parcel.name).parent)
        if there.exists() and not each.is_at(there):
            raise refused(
                "T021",
                f"'{parcel.name}' needs its own {each.place} beside it, and another lies there.",
                f"Give it a folder of its own: {_command(order)} --as "
                f"{order.place}/{Path(order.place).name}",
            )


def _command(order: Order) -> str:
    """What is typed to fetch it."""
    return f"python app.py fetch {order.asked}" + (
        f" --file {quote(order.file)}" if order.file else " --configs" if order.configs else ""
    )


@contextmanager
def _alone(lock: Path, say: Callable[[str], None]) -> Generator[None]:
    """Hold the lock; where somebody else has it, say so and wait until it is free."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        try:
            held.enter_context(WeakFileLock(lock, timeout=NOTICED))
        except TimeoutError:
            say("It is being fetched already; this waits until that has ended.")
            held.enter_context(WeakFileLock(lock))
        yield


def _bring(
    models: Path,
    room: Path,
    order: Order,
    hub: Repository,
    variant: str,
    say: Callable[[str], None],
) -> None:
    """Bring what the hub has below the model folder; nobody else is at it."""
    _check_free(models, f"{order.place}{WEIGHTS}" if order.file else order.place, order)
    folder = room / order.place
    goes_on = folder.is_dir()
    with _unless_refused(room):
        if order.file:
            parcel = of_file(hub, folder, order.place, order.file, variant)
        else:
            parcel = of_folder(hub, folder, order.place, variant)
            parcel = replace(parcel, weights=()) if order.configs else parcel
        lone = parcel.name != order.place
        _check_free(models, parcel.name, order)
        if lone:
            _check_beside(models, parcel, order)
    files = [*parcel.settings, *parcel.weights]
    for file in parcel.weights:
        if file.place.startswith(f"{IMAGE_ENCODER}/") and not file.arrived(folder):
            goes_on |= _take(models, folder, file)
    left = sum(file.size - file.arrived(folder) for file in files)
    size = sum(file.size for file in files)
    count = f"{len(files)} files" if len(files) > 1 else "1 file"
    rest = f", of which {shown(left)} are left" if goes_on else ""
    what = str(replace(order, revision=""))
    say(
        f"{what} at {hub.commit}, licence {hub.licence or 'unknown'}: {count}, {shown(size)}{rest}."
    )
    check_room(folder, left)
    with tqdm(
        total=size, initial=size - left, unit="B", unit_scale=True, unit_divisor=1024, disable=None
    ) as bar:
        for file in parcel.settings:
            hub.bring(folder, file, bar)
        with _unless_refused(room):
            _check_settings(parcel.name, folder)
        for file in parcel.weights:
            hub.bring(folder, file, bar)
    if not lone:
        with _unless_refused(room):
            _check(room, parcel.name, order)
    _check_free(models, parcel.name, order)  # a download takes hours
    told = hub.repository, hub.revision, hub.commit, hub.licence, order.file
    record = Record(*told, only=order.only, configs=order.configs)
    _show(models / parcel.name, folder, parcel, record)
    shutil.rmtree(room)
    chosen = "it is lent to checkpoints of one file" if order.configs else f"choose '{parcel.name}'"
    say(f"It is whole: {chosen}.")
    library = Library(models, models)
    found = None
    if lone and parcel.name in library.names():
        found = library.attempt(parcel.name)
    elif lone and parcel.name in library.shelves.companions():
        found = library.attempt_companion(parcel.name)
    if isinstance(found, ChoraleError):
        say(f"Something is missing before it can be used: {found}")


def _take(models: Path, folder: Path, file: File) -> bool:
    """Take it from another model of the library, if one has it: an image encoder goes with many."""
    for path in models.rglob(file.place):
        if file.is_at(path):
            try:
                os.link(path, file.below(folder))
            except OSError:  # no links on such a disk
                shutil.copyfile(path, file.below(folder))
            return True
    return False


def _show(model: Path, folder: Path, parcel: Parcel, record: Record) -> None:
    """Move what has arrived to where the library looks; what it looks for comes last."""
    told = json.dumps(asdict(record), indent=2).encode()
    model.parent.mkdir(parents=True, exist_ok=True)
    if model.name == folder.name:
        write_atomically(folder / RECORD, told)
        folder.rename(model)
        return
    for each in parcel.settings:
        each.below(folder).replace(each.below(model.parent))
    write_atomically(model.with_name(f"{model.name}.{RECORD}"), told)
    for each in parcel.weights:
        each.below(folder).replace(each.below(model.parent))


def _check_settings(name: str, folder: Path) -> None:
    """Before any weights come: whether what is there would be loaded with them."""
    if (folder / INDEX).is_file():
        found = described(name, folder)
        check_pipeline(name, folder, found.pipeline, found.shape[0])


def _check(room: Path, name: str, order: Order) -> None:
    """Open what has arrived as the library does; ChoraleError T022 for what lends nothing."""
    library = Library(room, room)
    if order.configs:
        if library.lender(name) is None:
            raise refused(
                "T022",
                f"{order.asked} lends nothing to checkpoints of one file, which are {LOADS}.",
                f"Fetch it whole: {_command(replace(order, configs=False))}",
            )
    elif (room / name / INDEX).is_file():
        library.model(name)
    else:
        library.companion(name)


@contextmanager
def _unless_refused(room: Path) -> Generator[None]:
    """Keep what has arrived, unless it turns out to be nothing that can be used."""
    try:
        yield
    except ChoraleError as error:
        if not {each.code for each in error.diagnostics} & KEPT:
            shutil.rmtree(room, ignore_errors=True)
        raise
