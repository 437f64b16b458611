"""Types: which nodes this version knows."""

from __future__ import annotations

from collections.abc import Iterator

from graph.document import Document
from graph.errors import Diagnostic
from graph.words import did_you_mean, shown


def check(document: Document) -> Iterator[Diagnostic]:
    """G004 for an unknown type, G011 for a newer version of a known one: both stay placeholders.

    What is wrong with a subgraph that stays closed has been said when it was to be opened.
    """
    for name, declared in document.types.items():
        node = document.nodes[name]
        if declared is not None:
            continue
        known = document.catalogue.get(node.type)
        if known is None:
            yield Diagnostic(
                "G004",
                f"This version does not know nodes of the type {shown(node.type)}. "
                "The node is kept as it is.",
                did_you_mean(node.type, document.catalogue)
                or "Update Chorale, or delete the node.",
                node=name,
            )
        elif node.version > known.version:
            yield Diagnostic(
                "G011",
                f"'{document.title(name)}' was saved as version {node.version} of its type; "
                f"this Chorale knows {known.version}. The node is kept as it is.",
                "Update Chorale, or draw the node anew.",
                node=name,
            )
