"""Nodes: what each declaration finds in its own surroundings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from graph.document import Document
from graph.errors import Diagnostic


def check(document: Document) -> Iterator[Diagnostic]:
    """Whatever the nodes say of themselves: models, words, classes, weights."""
    for name, node in document.parsed.items():
        for found in node.check(document.place(name)):
            yield found if found.node else replace(found, node=name)
