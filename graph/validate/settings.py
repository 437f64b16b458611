"""Settings: pydantic's findings in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from graph.document import Document
from graph.errors import Diagnostic
from graph.words import describe, did_you_mean, got, shown, where

CODES = {
    "unknown": "S004",
    "type": "S005",
    "range": "S006",
    "number": "S007",
    "missing": "S008",
    "choice": "S009",
    "size": "S013",
    "other": "S014",
}


def check(document: Document) -> Iterator[Diagnostic]:
    """S004 to S014: every setting that its node does not take."""
    for name, outcome in document.outcomes.items():
        if isinstance(outcome, ValidationError):
            for error in outcome.errors(include_url=False)[:20]:
                yield _rewritten(document, name, error)


def _rewritten(document: Document, name: str, error: Any) -> Diagnostic:
    found = describe(error)
    path = [part for part in error["loc"] if not _is_tag(part, error["loc"])]
    setting, place, title = str(path[0]) if path else "", where(path), document.title(name)
    known = type_fields(document, name)
    if found.kind == "unknown":
        message = f"'{title}' has no setting {shown(place)}."
        if len(path) == 1:
            message = f"{message[:-1]}. It has: {', '.join(known) or 'none'}."
        hint = did_you_mean(str(path[-1]), known) or "Delete it."
    elif found.kind == "missing":
        inner = ".name" if error["type"] == "union_tag_not_found" else ""
        message, hint = f"'{place}{inner}' of '{title}' is missing.", "Give it a value."
    else:
        message = f"'{place}' of '{title}' expected {found.expected}, got {got(error)}."
        options = found.expected.replace("'", " ").replace(",", " ").split()
        meant = did_you_mean(got(error).strip("'"), options) if found.kind == "choice" else ""
        hint = meant or f"Change {shown(setting)} of this node."
    return Diagnostic(CODES[found.kind], message, hint, node=name, port=setting)


def type_fields(document: Document, name: str) -> list[str]:
    """The names of a node's settings."""
    declared = document.catalogue.get(document.nodes[name].type)
    return list(declared.model_fields) if declared else []


def _is_tag(part: object, location: tuple[object, ...]) -> bool:
    """Whether this is the chosen member of a union, which pydantic puts second in the place."""
    return len(location) > 2 and part is location[1] and isinstance(part, str)
