"""Addresses: `outer/inner` leads into the subgraph that the node `outer` stands for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from graph.drawing import Drawing, NodeId, Subgraph

MAX_DEPTH = 8
"""How many subgraphs may lie within each other."""

Change = Callable[[Drawing], Mapping[str, Any]]
"""What is changed in a drawing: new values of some of its fields."""
D = TypeVar("D", bound=Drawing)


def drawing_of(
    top: Drawing, subgraphs: Mapping[str, Subgraph], address: NodeId
) -> tuple[Drawing, NodeId]:
    """The innermost drawing that the address reaches, and the part of the address that is left.

    What is left is an id where every outer node of the address is a subgraph that is there.
    """
    drawing, rest = top, address
    for _ in range(MAX_DEPTH):
        outer, within, inner = rest.partition("/")
        node = drawing.node(outer) if within else None
        if node is None or node.definition not in subgraphs:
            break
        drawing, rest = subgraphs[node.definition], inner
    return drawing, rest


def changed(
    top: D, subgraphs: Mapping[str, Subgraph], path: Sequence[NodeId], change: Change
) -> tuple[D, dict[str, Subgraph]]:
    """The drawings after a change to the one that `path`, the ids of outer nodes, leads to.

    A subgraph that stands elsewhere too is copied, so that the change is seen in this place alone.
    The path must lead somewhere: `drawing_of` tells.
    """
    drawings = [top, *subgraphs.values()]
    uses = Counter(node.definition for drawing in drawings for node in drawing.nodes)
    found = dict(subgraphs)

    def walk(drawing: Drawing, path: Sequence[NodeId], copied: bool) -> Mapping[str, Any]:
        if not path:
            return change(drawing)
        outer = drawing.node(path[0])
        assert outer is not None, "the path leads somewhere"
        inner = found[outer.definition]
        copied = copied or uses[outer.definition] > 1
        name = _unused(outer.definition, found) if copied else outer.definition
        found[name] = inner  # taken before anything within looks for a name
        found[name] = inner.model_copy(update=walk(inner, path[1:], copied))
        return {"nodes": drawing.with_node(outer.with_settings(of=name)).nodes} if copied else {}

    return top.model_copy(update=walk(top, path, False)), found


def _unused(name: str, taken: Mapping[str, Subgraph]) -> str:
    stem = name[:180]
    return next(
        each for number in range(2, len(taken) + 3) if (each := f"{stem} {number}") not in taken
    )
