"""Ids: every node has one of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from graph.document import Document
from graph.errors import Diagnostic


def check(document: Document) -> Iterator[Diagnostic]:
    """G001 for every id that several nodes have."""
    for name, count in Counter(node.id for node in document.workflow.nodes).items():
        if count > 1:
            yield Diagnostic(
                "G001",
                f"{count} nodes have the id '{name}'.",
                "Give each node an id of its own.",
            )
