"""Ports: wires end at sockets that are there and carry what they take."""

from __future__ import annotations

from collections.abc import Iterator

from graph.document import Document, Link
from graph.errors import Diagnostic
from graph.ports import Port
from graph.words import did_you_mean, shown


def check(document: Document) -> Iterator[Diagnostic]:
    """G007 for a port that is not there, G005 for a wire of the wrong kind."""
    for link in document.links:
        source, target = document.types[link.source.node], document.types[link.target.node]
        if source is not None and link.leaves is None:
            yield _unknown(document, link.source.node, link.source.port, "output", source.outputs)
        if target is not None and link.enters is None:
            yield _unknown(document, link.target.node, link.target.port, "input", target.inputs)
        if link.leaves and link.enters and not link.sound:
            yield _unfit(document, link, link.leaves, link.enters)


def _unknown(
    document: Document, node: str, port: str, side: str, ports: tuple[Port, ...]
) -> Diagnostic:
    names = [each.name for each in ports]
    return Diagnostic(
        "G007",
        f"'{document.title(node)}' has no {side} named {shown(port)}. "
        f"It has: {', '.join(names) or 'none'}.",
        did_you_mean(port, names) or "Delete the wire.",
        node=node,
        port=port,
    )


def _unfit(document: Document, link: Link, leaves: Port, enters: Port) -> Diagnostic:
    declared = document.types[link.target.node]
    fitting = [
        port.name for port in (declared.inputs if declared else ()) if port.kind == leaves.kind
    ]
    makers = [
        each.label
        for each in document.catalogue.values()
        if any(port.kind == enters.kind for port in each.outputs)
    ]
    hint = f"Wire it to '{fitting[0]}'." if fitting else f"What fits: {', '.join(makers)}."
    return Diagnostic(
        "G005",
        f"'{document.title(link.source.node)}' gives {leaves.kind}, but '{enters.name}' of "
        f"'{document.title(link.target.node)}' takes {enters.kind}.",
        hint,
        node=link.target.node,
        port=enters.name,
    )
