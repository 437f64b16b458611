"""What there is to say about reroutes and subgraphs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from graph.addresses import MAX_DEPTH
from graph.drawing import MAX_NODES, MAX_WIRES, NodeId, Subgraph
from graph.errors import Diagnostic
from graph.words import did_you_mean, shown


def doubles(title: str, definition: Subgraph) -> Iterator[Diagnostic]:
    """G001 for every id that several nodes of a subgraph have."""
    for name, count in Counter(node.id for node in definition.nodes).items():
        if count > 1:
            yield Diagnostic(
                "G001",
                f"{count} nodes within '{title}' have the id '{name}'.",
                "Give each node an id of its own.",
            )


def loop(path: Sequence[str], node: NodeId) -> Diagnostic:
    """G003 for wires that lead in a circle through nothing but reroutes and the like."""
    titles = path if len(path) <= 8 else [*path[:4], "…", *path[-3:]]
    return Diagnostic(
        "G003",
        f"Nodes form a loop: {' → '.join((*titles, path[0]))}.",
        "Delete one of these wires.",
        node=node,
    )


def unknown_port(
    title: str, node: NodeId, side: str, port: str, known: Iterable[str]
) -> Diagnostic:
    """G007 for a port that a reroute or a subgraph does not have."""
    names = sorted(known)
    listed = ", ".join(name[:40] for name in names[:12]) or "none"
    return Diagnostic(
        "G007",
        f"'{title}' has no {side} named {shown(port)}. It has: {listed}.",
        did_you_mean(port, names) or "Delete the wire.",
        node=node,
        port=port,
    )


def several(title: str, node: NodeId, port: str, count: int) -> Diagnostic:
    """G008 for several wires where one is taken."""
    return Diagnostic(
        "G008",
        f"'{port}' of '{title}' has {count} wires; it takes one.",
        "Delete the others, or fuse them first.",
        node=node,
        port=port,
    )


def missing(called: str, title: str, node: NodeId, known: Iterable[str]) -> Diagnostic:
    """G012 for a node that stands for a subgraph that is not there."""
    what = f"the subgraph {shown(called)}, which is not in the workflow" if called else "nothing"
    hint = "Undo what removed the subgraph, or delete the node." if called else "Delete the node."
    return Diagnostic(
        "G012",
        f"'{title}' stands for {what}.",
        did_you_mean(called, known) or hint,
        node=node,
    )


def contains_itself(title: str, node: NodeId, names: Sequence[str]) -> Diagnostic:
    """G013 for a subgraph within itself; `names` lead from it to itself."""
    return Diagnostic(
        "G013",
        f"'{title}' contains itself: {' → '.join(shown(name) for name in names)}.",
        "Delete this node.",
        node=node,
    )


def too_deep(title: str, node: NodeId) -> Diagnostic:
    """G014 for a subgraph within too many others."""
    return Diagnostic(
        "G014",
        f"'{title}' lies within {MAX_DEPTH} subgraphs; deeper ones are not opened.",
        "Move its nodes out of some of them.",
        node=node,
    )


def too_large() -> Diagnostic:
    """G015 for a workflow whose subgraphs, or ways around bypassed nodes, multiply."""
    return Diagnostic(
        "G015",
        f"With its subgraphs opened and its bypassed nodes left out, the workflow has more than "
        f"{MAX_NODES} nodes or {MAX_WIRES} wires.",
        "Use fewer subgraphs, or smaller ones.",
    )
