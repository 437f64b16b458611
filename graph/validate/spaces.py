"""Latent spaces: what is fused lives in one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from graph.document import OWN, Document, Link
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
            if not _alike(reference, space, document.sizes.get(name, OWN)):
                yield _mixed(document, name, (first, reference), (link, space))
                break


def _alike(one: Space, other: Space, asked: Iterable[tuple[int, int]]) -> bool:
    """Whether states of both have one form, at every size that is asked for."""
    return one.id == other.id and all(_at(one, size) == _at(other, size) for size in asked)


def _at(space: Space, asked: tuple[int, int]) -> tuple[int, ...]:
    width, height = (side or own for side, own in zip(asked, space.size, strict=True))
    return space.sized(width, height).shape if any(asked) else space.shape


def _mixed(
    document: Document, name: str, one: tuple[Link, Space], other: tuple[Link, Space]
) -> Diagnostic:
    titles = [document.title(link.source.node) for link, _ in (one, other)]
    differ = "" if str(one[1]) != str(other[1]) else " of another autoencoder"
    return Diagnostic(
        "F002",
        f"'{document.title(name)}' mixes latent spaces: '{titles[0]}' works in {one[1]}, "
        f"'{titles[1]}' in {other[1]}{differ}.",
        "Let the sampler's width and height be a size that both can paint."
        if one[1].id == other[1].id
        else "Use experts of one space, or put a Bridge between them.",
        node=name,
        port=other[0].target.port,
    )
