"""A library as one compilation asked it: each question once, and whether the answers stand."""

from __future__ import annotations

from collections.abc import Mapping

from PIL import Image

from graph.assets import head_of, open_picture, unpack
from graph.companions import Companion
from graph.errors import ChoraleError
from graph.library import Library, Model
from graph.lora import Lora
from graph.signatures import is_sound
from graph.sounds import Sound


class Consulted(Library):
    """A library as one compilation asked it; knows whether it would still answer the same."""

    def __init__(self, library: Library, embedded: Mapping[str, str]) -> None:
        self.shelves, self.assets = library.shelves, library.assets
        self._library = library
        self._embedded = embedded
        self._models: dict[str, Model | ChoraleError] = {}
        self._companions: dict[str, Companion | ChoraleError] = {}
        self._loras: dict[str, Lora | ChoraleError] = {}
        self._files: dict[str, bool] = {}

    def model(self, name: str) -> Model:
        """As the library, asked once."""
        if name not in self._models:
            self._models[name] = self._library.attempt(name)
        answer = self._models[name]
        if isinstance(answer, ChoraleError):
            raise answer
        return answer

    def companion(self, name: str) -> Companion:
        """As the library, asked once."""
        if name not in self._companions:
            self._companions[name] = self._library.attempt_companion(name)
        answer = self._companions[name]
        if isinstance(answer, ChoraleError):
            raise answer
        return answer

    def lora(self, name: str) -> Lora:
        """As the library, asked once."""
        if name not in self._loras:
            self._loras[name] = self._library.attempt_lora(name)
        answer = self._loras[name]
        if isinstance(answer, ChoraleError):
            raise answer
        return answer

    def has(self, sha256: str) -> bool:
        """Whether the file is stored or comes with the workflow."""
        if sha256 not in self._files:
            self._files[sha256] = self._library.has(sha256)
        return self._files[sha256] or sha256 in self._embedded

    def picture(self, sha256: str) -> Image.Image:
        """The picture that is stored or comes with the workflow."""
        return open_picture(self._read(sha256))

    def is_sound(self, sha256: str) -> bool:
        """Whether the file that is stored or comes with the workflow begins like a sound."""
        if sha256 in self._embedded and not self._library.has(sha256):
            return is_sound(head_of(self._embedded[sha256]))
        return self._library.is_sound(sha256)

    def sound(self, sha256: str) -> Sound:
        """The sound that is stored or comes with the workflow."""
        return self._library.heard(sha256, self._read)

    def _read(self, sha256: str) -> bytes:
        """The file's content. ChoraleError A001, A002 or A008."""
        if sha256 in self._embedded and not self._library.has(sha256):
            return unpack(sha256, self._embedded[sha256])
        return self._library.assets.read(sha256)

    def holds(self) -> bool:
        """Whether every answer stands."""
        library = self._library
        return (
            all(library.has(name) == was for name, was in self._files.items())
            and all(_same(library.attempt(name), was) for name, was in self._models.items())
            and all(
                _same(library.attempt_companion(name), was)
                for name, was in self._companions.items()
            )
            and all(_same(library.attempt_lora(name), was) for name, was in self._loras.items())
        )

    def attempt(self, name: str) -> Model | ChoraleError:
        """As the library, every time anew."""
        return self._library.attempt(name)

    def attempt_companion(self, name: str) -> Companion | ChoraleError:
        """As the library, every time anew."""
        return self._library.attempt_companion(name)


Answer = Model | Companion | Lora | ChoraleError


def _same(now: Answer, was: Answer) -> bool:
    if isinstance(now, ChoraleError) and isinstance(was, ChoraleError):
        return now.diagnostics == was.diagnostics
    return now is was
