"""Inputs: what a node needs is wired, and no single input has two wires."""

from __future__ import annotations

from collections.abc import Iterator

from graph.document import Document
from graph.errors import Diagnostic
from graph.ports import Port


def check(document: Document) -> Iterator[Diagnostic]:
    """G006 for a required input without a wire, G008 for several wires on a single one."""
    wired = {(link.target.node, link.target.port) for link in document.links}
    for name, declared in document.types.items():
        for port in declared.inputs if declared else ():
            links = document.arriving[name].get(port.name, ())
            if port.required and (name, port.name) not in wired:
                yield _missing(document, name, port)
            if not port.many and len(links) > 1:
                yield Diagnostic(
                    "G008",
                    f"'{port.name}' of '{document.title(name)}' has {len(links)} wires; "
                    "it takes one.",
                    "Delete the others, or fuse them first.",
                    node=name,
                    port=port.name,
                )


def _missing(document: Document, name: str, port: Port) -> Diagnostic:
    makers = [
        each.label
        for each in document.catalogue.values()
        if any(out.kind == port.kind for out in each.outputs)
    ]
    return Diagnostic(
        "G006",
        f"'{document.title(name)}' needs something wired to '{port.name}'.",
        f"Wire a node that gives {port.kind}: {', '.join(makers[:6])}.",
        node=name,
        port=port.name,
    )
