"""Wires: both ends are there, and each wire is drawn once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from graph.document import Document
from graph.errors import Diagnostic
from graph.words import did_you_mean, shown


def check(document: Document) -> Iterator[Diagnostic]:
    """G002 for a wire without a node at one end, G010 for one that is drawn twice."""
    drawn = Counter((wire.origin, wire.target) for wire in document.flat.workflow.wires)
    for (origin, target), count in drawn.items():
        node, port = target.split(".")
        if count > 1:
            yield Diagnostic(
                "G010",
                f"The wire from {origin} to {target} is drawn {count} times.",
                "Keep one of them.",
                node=node if node in document.nodes else None,
                port=port,
            )
        ends = {end.split(".")[0]: end for end in (origin, target)}
        for name in (name for name in ends if name not in document.nodes):
            other = next((each for each in ends if each in document.nodes), None)
            yield Diagnostic(
                "G002",
                f"A wire from {origin} to {target} hangs loose: there is no node {shown(name)}.",
                did_you_mean(name, document.nodes) or "Delete the wire.",
                node=other,
            )
