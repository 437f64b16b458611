"""Files: what the settings name is there, and what comes with the workflow is sound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from graph.assets import SHA256, missing, open_file, unpack
from graph.document import Document
from graph.errors import ChoraleError, Diagnostic


def check(document: Document) -> Iterator[Diagnostic]:
    """A001 for what is missing, A003 or A011 for a sound as picture or a picture as sound.

    A002 to A008 and A011 to A015 for what comes with the workflow and is not sound.
    """
    users: dict[str, str] = {}
    for name, node in document.parsed.items():
        for file, heard in (*_named(node.files(), False), *_named(node.sounds(), True)):
            users.setdefault(file, name)
            if not document.library.has(file):
                yield replace(missing(file), node=name)
            elif document.library.is_sound(file) != heard:
                yield replace(_other(heard), node=name)
    for name, text in document.workflow.assets.items():
        for found in embedded(name, text):
            yield replace(found, node=users.get(name))


def _named(files: Iterator[str], heard: bool) -> Iterator[tuple[str, bool]]:
    return ((file, heard) for file in files)


def _other(heard: bool) -> Diagnostic:
    if heard:
        what, hint = "The file is a picture and no sound.", "Choose a WAV, FLAC or OGG file."
        return Diagnostic("A011", what, hint)
    what, hint = "The file is a sound and no picture.", "Choose a PNG, JPEG or WEBP file."
    return Diagnostic("A003", what, hint)


@lru_cache(maxsize=64)
def embedded(name: str, text: str) -> tuple[Diagnostic, ...]:
    """What is wrong with a file that a workflow carries; kept, for it is decoded to know."""
    if not SHA256.fullmatch(name):
        shown = name if len(name) <= 20 else name[:17] + "…"
        return (
            Diagnostic(
                "A002",
                f"An embedded file is named '{shown}', which is no sha256 of its content.",
                "Delete it, or name it by its sha256.",
            ),
        )
    try:
        open_file(unpack(name, text))
    except ChoraleError as error:
        return error.diagnostics
    return ()
