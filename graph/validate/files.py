"""Files: what the settings name is there, and what comes with the workflow is sound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from graph.assets import SHA256, missing, open_picture, unpack
from graph.document import Document
from graph.errors import ChoraleError, Diagnostic


def check(document: Document) -> Iterator[Diagnostic]:
    """A001 for a file that is missing; A002 to A008 for embedded files that are not sound."""
    users: dict[str, str] = {}
    for name, node in document.parsed.items():
        for file in node.files():
            users.setdefault(file, name)
            if not document.library.has(file):
                yield replace(missing(file), node=name)
    for name, text in document.workflow.assets.items():
        for found in embedded(name, text):
            yield replace(found, node=users.get(name))


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
        open_picture(unpack(name, text))
    except ChoraleError as error:
        return error.diagnostics
    return ()
