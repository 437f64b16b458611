"""Repositories of the hub: what one holds at one commit, and its files, fetched and checked."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
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
from huggingface_hub.utils import build_hf_headers  # pyright: ignore[reportUnknownVariableType]
from tqdm import tqdm

from graph.errors import ChoraleError, Diagnostic
from graph.footprint import shown

PINNED = re.compile(r"[0-9a-f]{40}")
PLAIN = re.compile(r"[A-Za-z0-9_][\w.-]*", re.ASCII)
WEIGHTS = ".safetensors"
SPOKEN = re.compile(r"[\w(\[][\w .,+&()\[\]'!=@#~-]*")
"""What a file of weights may be called beside: people name LoRAs as they speak."""
PATIENCE = 30.0
"""Seconds in which the hub has to say what it has."""
FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class File:
    """A file of a repository: its path, its bytes, and the hash that the hub knows it by.

    That is the sha256 of a large file; of a small one git's sha1, which counts the length in.
    `place` is its path here, below the folder that it is brought into, where that is another.
    """

    path: str
    size: int
    sha256: str
    blob: str
    place: str = ""

    def below(self, folder: Path) -> Path:
        """Where it lies when it has arrived whole."""
        return folder / (self.place or self.path)

    def arrived(self, folder: Path) -> int:
        """How many bytes of it are there already."""
        path = self.below(folder)
        found = next((each for each in (path, _part(path)) if each.is_file()), None)
        return min(found.stat().st_size, self.size) if found else 0

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


class Repository:
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

    def bring(self, folder: Path, file: File, bar: Any = None) -> None:
        """Fetch a file, or the rest of it; ChoraleError M047 to M052."""
        path = file.below(folder)
        if path.is_file():
            return
        arriving = self.begin(folder, file, file.size, bar)
        if not file.is_at(arriving):
            arriving.unlink()
            raise refused(
                "M050",
                f"'{file.path}' of '{self.repository}' is not what the hub says: its hash is "
                "another. What had arrived of it is removed.",
                "Fetch again; if it stays so, choose another revision.",
            )
        arriving.rename(path)

    def begin(self, folder: Path, file: File, size: int, bar: Any = None) -> Path:
        """Fetch the first bytes of a file, so many of it, and say where; ChoraleError M047 to M052.

        What has arrived already is not asked for again.
        """
        if file.below(folder).is_file():
            return file.below(folder)
        arriving = _part(file.below(folder))
        arriving.parent.mkdir(parents=True, exist_ok=True)
        url = hf_hub_url(self.repository, file.path, revision=self.commit, endpoint=self._endpoint)
        whole = size >= file.size
        first = {} if whole else {"Range": f"bytes=0-{size - 1}"}
        with self._asking(), arriving.open("ab") as target:
            resumed = target.tell()
            if resumed > file.size:
                target.truncate(0)
                resumed = 0
            if whole or resumed < size:
                http_get(
                    url,
                    target,
                    resume_size=resumed,
                    headers={**self._headers, **first},
                    expected_size=file.size if whole else size,
                    displayed_filename=file.path,
                    _tqdm_bar=bar or tqdm(disable=True),
                )
        return arriving

    def inside(self, folder: str) -> list[str]:
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
            raise refused(
                "M052",
                f"{who} has no revision '{self.revision}' on the hub.",
                "Write a branch, a tag or a whole commit behind the @, or leave it out.",
            ) from error
        except (RepositoryNotFoundError, DisabledRepoError) as error:
            raise refused(
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
            raise no_name(self.repository) from error
        except OSError as error:
            if error.errno in FULL:
                raise full(str(error.strerror)) from error
            if error.errno is not None:
                raise
            raise self._silent("it broke off") from error  # less came than was announced
        except (ValueError, KeyError, TypeError) as error:
            raise self._silent("it answers as no hub does") from error

    def _closed(self) -> ChoraleError:
        return refused(
            "M049",
            f"'{self.repository}' is not open to everybody, and the hub does not know you as "
            "somebody who may have it.",
            "Accept its terms on the hub, and put a token of yours into the variable HF_TOKEN.",
        )

    def _silent(self, why: str) -> ChoraleError:
        return refused(
            "M047",
            f"'{self.repository}' cannot be fetched: the hub does not answer as it should ({why}).",
            "Look whether this machine is online and try again: what has arrived is kept.",
        )


def _part(path: Path) -> Path:
    """Where a file lies until it has arrived whole."""
    return path.with_name(path.name + ".part")


def _file(sibling: Any) -> File | None:
    """A file as the hub describes it; None for one whose path or size could not be trusted."""
    path, size, large = str(sibling.rfilename), sibling.size, sibling.lfs
    form = SPOKEN if path.endswith(WEIGHTS) else PLAIN
    if not all(form.fullmatch(each) for each in path.split("/")):
        return None
    if not isinstance(size, int) or size < 0:
        return None
    return File(path, size, str(large.sha256) if large else "", str(sibling.blob_id))


def check_room(folder: Path, size: int) -> None:
    """M051 where the disk of a folder has no room for so many bytes more."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise full(f"{shown(size)} are needed and {shown(free)} are free")


def full(why: str) -> ChoraleError:
    """M051, for a disk without room."""
    return refused(
        "M051",
        f"There is no room for the model: {why}.",
        "Make room, or set CHORALE_MODELS to a folder of a larger disk; what has arrived is kept.",
    )


def no_name(name: str) -> ChoraleError:
    """M010, for what is no name of a repository."""
    return refused(
        "M010",
        f"'{name[:60]}' is no name of a model.",
        "Write OWNER/NAME as the hub has it, and @REVISION behind it if you like.",
    )


def refused(code: str, message: str, hint: str) -> ChoraleError:
    """What is said of something that cannot be fetched."""
    return ChoraleError(Diagnostic(code, message, hint))
