"""The hub: brings a model of the Hugging Face hub into the library, as a folder like any other."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, hf_hub_url
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import http_get  # pyright: ignore[reportUnknownVariableType]
from huggingface_hub.utils import WeakFileLock, build_hf_headers  # pyright: ignore[reportUnknownVariableType]
from tqdm import tqdm

from graph.companions import ADAPTERS, ALIKE, GUIDES, MAX_MODEL, MODEL_WEIGHTS, network_of
from graph.errors import ChoraleError, Diagnostic
from graph.folders import (
    SHARD,
    chosen,
    described,
    networks,
    no_weights,
    read_json,
    variant_of,
)
from graph.footprint import shown
from graph.library import NAME, Library
from graph.pipelines import check_index, check_pipeline
from graph.writing import write_atomically

RECORD = "hub.json"
"""Beside what was fetched: from where, and which commit it is."""
ARRIVING = ".fetching"
"""Where a model lies below the model folder until it is whole; no model is looked for in there."""
PINNED = re.compile(r"[0-9a-f]{40}")
PLAIN = re.compile(r"[A-Za-z0-9_][\w.-]*", re.ASCII)
SETTINGS = (".json", ".txt", ".model")
"""How the files end that a scheduler, a tokenizer or a network has beside its weights."""
BESIDE = ("card.json", "README.md")
OF_COMPANIONS = ("config.json", "preprocessor_config.json", *BESIDE, ADAPTERS)
READ = ("Scheduler", "Tokenizer", "TokenizerFast")
"""How the classes end whose settings are read, though they have no weights."""
PATIENCE = 30.0
"""Seconds in which the hub has to say what it has."""
NOTICED = 1.0
"""Seconds after which it is said that another fetch is waited for."""
FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class File:
    """A file of a repository: its path, its bytes, and the hash that the hub knows it by.

    That is the sha256 of a large file; of a small one git's sha1, which counts the length in.
    """

    path: str
    size: int
    sha256: str
    blob: str

    def is_at(self, path: Path) -> bool:
        """Whether what lies there is this file."""
        if path.stat().st_size != self.size:
            return False
        with path.open("rb") as file:
            if self.sha256:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
            found = hashlib.sha1(b"blob %d\0" % self.size, usedforsecurity=False)
            found.update(file.read())
            return found.hexdigest() == self.blob


@dataclass(frozen=True, slots=True)
class Record:
    """What was fetched: of which repository, as which revision was asked for, at which commit."""

    repository: str
    revision: str
    commit: str
    licence: str


def fetch(
    models: Path,
    asked: str,
    *,
    name: str | None = None,
    variant: str = "",
    endpoint: str | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Bring `owner/name` or `owner/name@revision` below the model folder, as `name` if given.

    Only what is loaded is fetched, from where it was interrupted, and held against the hub's
    hashes; the folder appears when it is whole. The token is that of the variable HF_TOKEN. What
    is there already needs no hub, and what another process fetches is waited for.

    Raises ChoraleError M010 for a name that is none, T009 where another model has it, M047 to M052
    for what the hub says or what arrives, and M002 to M023 or M053 for what cannot be loaded.
    """
    repository, at, revision = asked.partition("@")
    for each in (repository, name or repository):
        if not NAME.fullmatch(each) or ".." in each:
            raise _no_name(each)
    if repository.count("/") != 1 or bool(at) != bool(revision):
        raise _no_name(asked)
    name, revision = name or repository, revision or "main"
    if _is_there(models, name, asked, endpoint, say):
        return
    hub = _Hub(repository, revision, endpoint)
    with _alone(models / ARRIVING / f"{hub.commit}.lock", say):
        if not _is_there(models, name, asked, endpoint, say):
            _bring(models, name, hub, variant, say)


def _is_there(
    models: Path, name: str, asked: str, endpoint: str | None, say: Callable[[str], None]
) -> bool:
    """Whether it was fetched before; ChoraleError T009 where another model has the name."""
    repository, at, revision = asked.partition("@")
    there = _record(models / name)
    if there is not None and there.repository == repository:
        hub = None
        if at and revision not in (there.revision, there.commit):
            hub = _Hub(repository, revision, endpoint)
        if hub is None or hub.commit == there.commit:
            say(f"{name} is there already: {repository} at {there.commit}.")
            return True
    if (models / name).exists():
        raise _refused(
            "T009",
            f"The library has a model '{name}' already, and it is not {asked}.",
            f"Choose another name: python app.py fetch {asked} --as NAME",
        )
    return False


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


def _bring(models: Path, name: str, hub: _Hub, variant: str, say: Callable[[str], None]) -> None:
    """Bring what the hub has below the model folder; nobody else is at it."""
    room = models / ARRIVING / hub.commit
    folder = room / name
    goes_on = folder.is_dir()
    with _unless_refused(room):
        settings, weights = hub.wanted(folder, variant)
    files = [*settings, *weights]
    left = sum(file.size - _arrived(folder, file) for file in files)
    size = sum(file.size for file in files)
    rest = f", of which {shown(left)} are left" if goes_on else ""
    say(
        f"{hub.repository} at {hub.commit}, licence {hub.licence or 'unknown'}: "
        f"{len(files)} files, {shown(size)}{rest}."
    )
    free = shutil.disk_usage(folder).free
    if left > free:
        raise _full(f"{shown(left)} are needed and {shown(free)} are free")
    with tqdm(
        total=size, initial=size - left, unit="B", unit_scale=True, unit_divisor=1024, disable=None
    ) as bar:
        for file in settings:
            hub.bring(folder, file, bar)
        with _unless_refused(room):
            _check_settings(name, folder)
        for file in weights:
            hub.bring(folder, file, bar)
    with _unless_refused(room):
        _check(room, name)
    record = Record(hub.repository, hub.revision, hub.commit, hub.licence)
    write_atomically(folder / RECORD, json.dumps(asdict(record), indent=2).encode())
    (models / name).parent.mkdir(parents=True, exist_ok=True)
    folder.rename(models / name)
    shutil.rmtree(room)
    say(f"It is whole: choose '{name}'.")


class _Hub:
    """One repository of the hub at one commit."""

    def __init__(self, repository: str, revision: str, endpoint: str | None) -> None:
        token = os.environ.get("HF_TOKEN") or False  # never that of a file: it was not asked for
        self.repository, self.revision = repository, revision
        self._endpoint = endpoint  # where none is given, that of the variable HF_ENDPOINT
        self._headers = build_hf_headers(token=token, library_name="chorale")
        with self._asking():
            found = HfApi(self._endpoint, token).model_info(
                repository, revision=revision, files_metadata=True, timeout=PATIENCE
            )
        files = [_file(each) for each in found.siblings or ()]
        self.files = {file.path: file for file in files if file is not None}
        self.commit = str(found.sha)
        if not PINNED.fullmatch(self.commit) or not self.files:
            raise self._silent("it does not say what it has")
        licences = (each.partition(":") for each in found.tags or ())
        self.licence = next((said for kind, _, said in licences if kind == "license"), "")

    def wanted(self, folder: Path, variant: str) -> tuple[list[File], list[File]]:
        """The settings and the weights that are loaded; what tells them apart is fetched for it.

        ChoraleError M002 to M006, M014 or M020 where the repository has no model for Chorale.
        """
        index = "model_index.json"
        first = index if index in self.files else "config.json"
        if first not in self.files:
            raise _refused(
                "M002",
                f"'{self.repository}' has no {index} and no config.json: it is no folder of "
                "diffusers or transformers.",
                "Choose another model.",
            )
        self.bring(folder, self.files[first])
        told = read_json(self.repository, folder / first)
        if first == index:
            check_index(self.repository, told)
            found = [index, *self._of_parts(told, variant)]
        else:
            found = self._of_companion(told)
        found += [each for each in BESIDE if each in self.files]
        files = [self.files[each] for each in sorted(set(found))]
        weights = [file for file in files if file.path.endswith(".safetensors")]
        return [file for file in files if file not in weights], weights

    def bring(self, folder: Path, file: File, bar: Any = None) -> None:
        """Fetch a file, or the rest of it; ChoraleError M047 to M052."""
        path = folder / file.path
        if path.is_file():
            return
        arriving = path.with_name(path.name + ".part")
        path.parent.mkdir(parents=True, exist_ok=True)
        url = hf_hub_url(self.repository, file.path, revision=self.commit, endpoint=self._endpoint)
        with self._asking(), arriving.open("ab") as target:
            resumed = target.tell()
            if resumed > file.size:
                target.truncate(0)
                resumed = 0
            http_get(
                url,
                target,
                resume_size=resumed,
                headers=self._headers,
                expected_size=file.size,
                displayed_filename=file.path,
                _tqdm_bar=bar or tqdm(disable=True),
            )
        if not file.is_at(arriving):
            arriving.unlink()
            raise _refused(
                "M050",
                f"'{file.path}' of '{self.repository}' is not what the hub says: its hash is "
                "another. What had arrived of it is removed.",
                "Fetch again; if it stays so, choose another revision.",
            )
        arriving.rename(path)

    def _of_parts(self, index: dict[str, Any], variant: str) -> list[str]:
        """The files of a pipeline's parts, but for what Chorale does without."""
        found: list[str] = []
        held = networks(index)
        for part, value in index.items():
            kind = str(value[-1]) if isinstance(value, list) and value else ""  # pyright: ignore[reportUnknownArgumentType]
            files = self._in(part) if part.isidentifier() else []
            if part in held:
                found += self._of_network(part, files, variant)
            elif kind.endswith(READ):
                found += [f"{part}/{each}" for each in files if each.endswith(SETTINGS)]
        return found

    def _of_network(self, part: str, files: Sequence[str], variant: str) -> list[str]:
        weights = chosen(files, variant)
        if not weights:
            raise no_weights(self.repository, part, files)
        of_index = f".safetensors.index.{variant_of(weights[0])}".rstrip(".") + ".json"
        divided = SHARD.search(weights[0]) is not None
        settings = [
            each
            for each in files
            if each.endswith(".json")
            and (".index." not in each or (divided and each.endswith(of_index)))
        ]
        return [f"{part}/{each}" for each in (*settings, *weights)]

    def _of_companion(self, config: dict[str, Any]) -> list[str]:
        """The files of a model of transformers that guides, of an adapter or of a modulator."""
        network, files = network_of(config), self._in("")
        if not network.endswith(GUIDES) and network not in ALIKE and "card.json" not in files:
            raise _refused(
                "M020",
                f"'{self.repository}' cannot guide: it is a {network}.",
                "Choose an image classifier, a segmentation model or a depth estimator, a "
                "ControlNet or T2I-Adapter, or a diffusers folder.",
            )
        guides = [MODEL_WEIGHTS] if MODEL_WEIGHTS in files else []
        weights = guides if network.endswith(GUIDES) else chosen(files)
        if not weights:
            raise no_weights(self.repository, self.repository.partition("/")[2], files)
        if network not in ALIKE and self.files[weights[0]].size > MAX_MODEL:
            raise _refused(
                "M020",
                f"'{self.repository}' cannot guide: its weights have "
                f"{shown(self.files[weights[0]].size)}, expected at most {shown(MAX_MODEL)}.",
                "Choose a smaller model.",
            )
        return [*(each for each in OF_COMPANIONS if each in files), *weights]

    def _in(self, folder: str) -> list[str]:
        """The names of the files that lie right in a folder of the repository."""
        split = (path.rpartition("/") for path in self.files)
        return sorted(name for place, _, name in split if place == folder)

    @contextmanager
    def _asking(self) -> Generator[None]:
        """Say of whatever the hub or the disk refuses what it is and what helps."""
        who = f"'{self.repository}'"
        try:
            yield
        except GatedRepoError as error:
            raise self._closed() from error
        except RevisionNotFoundError as error:
            raise _refused(
                "M052",
                f"{who} has no revision '{self.revision}' on the hub.",
                "Write a branch, a tag or a whole commit behind the @, or leave it out.",
            ) from error
        except (RepositoryNotFoundError, DisabledRepoError) as error:
            raise _refused(
                "M048",
                f"The hub has no model {who}, or shows it to its owner alone.",
                "Look for the name on the hub; a private model needs the variable HF_TOKEN.",
            ) from error
        except HfHubHTTPError as error:
            status = error.response.status_code
            if status in (401, 403):
                raise self._closed() from error
            raise self._silent(f"it answers {status}") from error
        except (HTTPError, OfflineModeIsEnabled) as error:
            offline = isinstance(error, OfflineModeIsEnabled)
            why = "HF_HUB_OFFLINE forbids it" if offline else type(error).__name__
            raise self._silent(why) from error
        except HFValidationError as error:
            raise _no_name(self.repository) from error
        except OSError as error:
            if error.errno in FULL:
                raise _full(str(error.strerror)) from error
            if error.errno is not None:
                raise
            raise self._silent("it broke off") from error  # less came than was announced
        except (ValueError, KeyError, TypeError) as error:
            raise self._silent("it answers as no hub does") from error

    def _closed(self) -> ChoraleError:
        return _refused(
            "M049",
            f"'{self.repository}' is not open to everybody, and the hub does not know you as "
            "somebody who may have it.",
            "Accept its terms on the hub, and put a token of yours into the variable HF_TOKEN.",
        )

    def _silent(self, why: str) -> ChoraleError:
        return _refused(
            "M047",
            f"'{self.repository}' cannot be fetched: the hub does not answer as it should ({why}).",
            "Look whether this machine is online and try again: what has arrived is kept.",
        )


def _file(sibling: Any) -> File | None:
    """A file as the hub describes it; None for one whose path or size could not be trusted."""
    path, size, large = str(sibling.rfilename), sibling.size, sibling.lfs
    if not all(PLAIN.fullmatch(each) for each in path.split("/")) or not isinstance(size, int):
        return None
    return File(path, size, str(large.sha256) if large else "", str(sibling.blob_id))


def _arrived(folder: Path, file: File) -> int:
    """How many bytes of a file are there already."""
    path = folder / file.path
    part = path.with_name(path.name + ".part")
    found = next((each for each in (path, part) if each.is_file()), None)
    return min(found.stat().st_size, file.size) if found else 0


def _record(folder: Path) -> Record | None:
    """What was fetched into a folder; None where nothing was, or nobody knows what."""
    try:
        return Record(**json.loads((folder / RECORD).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _check_settings(name: str, folder: Path) -> None:
    """Before any weights come: whether what is there would be loaded with them."""
    if (folder / "model_index.json").is_file():
        found = described(name, folder)
        check_pipeline(name, folder, found.pipeline, found.shape[0])


def _check(room: Path, name: str) -> None:
    """Open what has arrived as the library does."""
    library = Library(room, room)
    if (room / name / "model_index.json").is_file():
        library.model(name)
    else:
        library.companion(name)


@contextmanager
def _unless_refused(room: Path) -> Generator[None]:
    """Keep what has arrived, unless it turns out to be nothing that can be used."""
    try:
        yield
    except ChoraleError:
        shutil.rmtree(room, ignore_errors=True)
        raise


def _full(why: str) -> ChoraleError:
    return _refused(
        "M051",
        f"There is no room for the model: {why}.",
        "Make room, or set CHORALE_MODELS to a folder of a larger disk; what has arrived is kept.",
    )


def _no_name(name: str) -> ChoraleError:
    return _refused(
        "M010",
        f"'{name[:60]}' is no name of a model.",
        "Write OWNER/NAME as the hub has it, and @REVISION behind it if you like.",
    )


def _refused(code: str, message: str, hint: str) -> ChoraleError:
    return ChoraleError(Diagnostic(code, message, hint))
