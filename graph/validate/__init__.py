"""Validation: every check of this folder, all findings together, never an exception."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

from graph.document import Document
from graph.errors import Diagnostic

Check = Callable[[Document], Iterator[Diagnostic]]
RANK = {"error": 0, "warning": 1, "note": 2}


@cache
def checks() -> tuple[Check, ...]:
    """The function `check` of every module of this folder."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__))
    return tuple(importlib.import_module(f"{__name__}.{name}").check for name in names)


def validate(document: Document) -> tuple[Diagnostic, ...]:
    """Everything that is wrong or worth saying, errors first, then by code and place.

    What is wrong with a node that no output needs is a warning: it does not stop a run.
    """
    found = [_weighed(document, each) for check in checks() for each in check(document)]
    place = {name: index for index, name in enumerate(document.nodes)}
    found.sort(key=lambda each: (RANK[each.severity], each.code, place.get(each.node or "", -1)))
    return tuple(found)


def _weighed(document: Document, found: Diagnostic) -> Diagnostic:
    if found.severity != "error" or found.node is None:
        return found
    known = found.node in document.nodes or found.node in document.flat.dissolved
    return (
        replace(found, severity="warning")
        if known and found.node not in document.involved
        else found
    )
