"""Loops: signals run one way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import networkx as nx

from graph.document import Document
from graph.errors import Diagnostic


def check(document: Document) -> Iterator[Diagnostic]:
    """G003 for every group of nodes that form a loop, with one path around it."""
    if nx.is_directed_acyclic_graph(document.graph):
        return
    for group in nx.strongly_connected_components(document.graph):
        part = document.graph.subgraph(group)
        if len(group) > 1 or any(document.graph.has_edge(name, name) for name in group):
            start = next(name for name in document.nodes if name in group)
            found: list[Any] = [*nx.find_cycle(part, start)]  # pyright: ignore[reportUnknownArgumentType]
            edges: list[tuple[str, str]] = found
            path = [document.title(edge[0]) for edge in edges]
            shown = path if len(path) <= 8 else [*path[:4], "…", *path[-3:]]
            yield Diagnostic(
                "G003",
                f"Nodes form a loop: {' → '.join((*shown, path[0]))}.",
                "Delete one of these wires.",
                node=edges[0][0],
            )
