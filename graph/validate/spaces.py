"""Latent spaces: what is fused lives in one."""

from __future__ import annotations

from collections.abc import Iterator

from graph.document import Document, Link
from graph.errors import Diagnostic
from graph.library import Space


def check(document: Document) -> Iterator[Diagnostic]:
    """F002 where a node gets scores of different latent spaces."""
    for name in document.order:
        declared = document.types[name]
        if declared is not None and declared.spans:
            continue
        arriving = list(document.incoming_spaces(name, document.spaces))
        for link, space in arriving[1:]:
            first, reference = arriving[0]
            if (space.id, space.shape) != (reference.id, reference.shape):
                yield _mixed(document, name, (first, reference), (link, space))
                break


def _mixed(
    document: Document, name: str, one: tuple[Link, Space], other: tuple[Link, Space]
) -> Diagnostic:
    titles = [document.title(link.source.node) for link, _ in (one, other)]
    differ = "" if str(one[1]) != str(other[1]) else " of another autoencoder"
    return Diagnostic(
        "F002",
        f"'{document.title(name)}' mixes latent spaces: '{titles[0]}' works in {one[1]}, "
        f"'{titles[1]}' in {other[1]}{differ}.",
        "Use experts of one space, or put a Bridge between them.",
        node=name,
        port=other[0].target.port,
    )
