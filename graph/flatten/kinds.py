"""Kinds: what the ports of a subgraph carry, as far as the nodes within say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from graph.drawing import REROUTE, SUBGRAPH, Endpoint, Subgraph, WorkflowNode
from graph.node import Node
from graph.ports import Kind

Ports = dict[str, Kind]


class Kinds:
    """Tells the ports of nodes; each subgraph is looked into once."""

    def __init__(
        self, subgraphs: Mapping[str, Subgraph], catalogue: Mapping[str, type[Node]]
    ) -> None:
        self._subgraphs = subgraphs
        self._catalogue = catalogue
        self._known: dict[str, tuple[Ports, Ports]] = {}

    def of(self, node: WorkflowNode) -> tuple[Ports, Ports]:
        """The kinds of a node's inputs and outputs by name, in the order of their declaration."""
        declared = self._catalogue.get(node.type)
        if node.type == SUBGRAPH:
            return self._within(node.definition)
        if declared is None:
            return {}, {}
        inputs = {port.name: port.kind for port in declared.inputs}
        return inputs, {port.name: port.kind for port in declared.outputs}

    def _within(self, name: str) -> tuple[Ports, Ports]:
        if name not in self._subgraphs:
            return {}, {}
        if name not in self._known:
            self._known[name] = {}, {}  # for a subgraph that contains itself
            inside = _Inside(self._subgraphs[name], self)
            self._known[name] = inside.inputs(), inside.outputs()
        return self._known[name]


class _Inside:
    """A subgraph with its nodes and wires by where they lie."""

    def __init__(self, drawing: Subgraph, kinds: Kinds) -> None:
        self._drawing = drawing
        self._kinds = kinds
        self._nodes = {node.id: node for node in reversed(drawing.nodes)}
        self._after: dict[str, list[Endpoint]] = {}
        self._before: dict[str, list[Endpoint]] = {}
        for wire in drawing.wires:
            origin, target = wire.source_end, wire.target_end
            self._after.setdefault(origin.node, []).append(target)
            self._before.setdefault(target.node, []).append(origin)

    def inputs(self) -> Ports:
        """The kind of the first inner port that each input feeds."""
        found: Ports = {}
        for inlet in self._drawing.inputs:
            if found.get(inlet.name, Kind.ANY) == Kind.ANY:
                found[inlet.name] = self._kind(inlet.target_end, side=0)
        return found

    def outputs(self) -> Ports:
        """The kind of the inner port that feeds each output."""
        found: Ports = {}
        for outlet in self._drawing.outputs:
            if found.get(outlet.name, Kind.ANY) == Kind.ANY:
                found[outlet.name] = self._kind(outlet.source_end, side=1)
        return found

    def _kind(self, end: Endpoint, side: int) -> Kind:
        """The kind of an inner input (side 0) or output (1), looked for beyond reroutes."""
        kinds = (self._port(each, side) for each in self._beyond(end, side))
        return next((kind for kind in kinds if kind != Kind.ANY), Kind.ANY)

    def _beyond(self, end: Endpoint, side: int) -> Iterator[Endpoint]:
        """The ends that are no reroutes and that lead to this one, or that this one leads to."""
        further = self._before if side else self._after
        waiting, seen = [end], {end.node}
        while waiting:
            each = waiting.pop()
            node = self._nodes.get(each.node)
            if node is None or node.type != REROUTE:
                yield each
                continue
            fresh = [one for one in further.get(each.node, ()) if one.node not in seen]
            seen.update(one.node for one in fresh)
            waiting.extend(reversed(fresh))

    def _port(self, end: Endpoint, side: int) -> Kind:
        node = self._nodes.get(end.node)
        return self._kinds.of(node)[side].get(end.port, Kind.ANY) if node else Kind.ANY
