"""Structure: reroutes, bypassed nodes and subgraphs could be made flat."""

from __future__ import annotations

from collections.abc import Iterator

from graph.document import Document
from graph.errors import Diagnostic


def check(document: Document) -> Iterator[Diagnostic]:
    """Whatever flattening has found."""
    yield from document.flat.diagnostics
