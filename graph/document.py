"""The document: a workflow made flat, with its nodes parsed and its wires resolved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import networkx as nx
from pydantic import ValidationError

from graph.drawing import STRUCTURE, Endpoint, NodeId, Wire, WorkflowNode
from graph.errors import ChoraleError
from graph.flatten import Flat, flatten
from graph.library import Library, Space
from graph.node import Node, Place
from graph.ports import Kind, Port
from graph.workflow import Workflow

Parsed = Node | ValidationError
OWN = ((0, 0),)
"""The size of pictures of which none is asked for: the experts' own."""


@dataclass(frozen=True, slots=True)
class Link:
    """A wire between two nodes that are there; a port is None where the node has none so named."""

    wire: Wire
    source: Endpoint
    target: Endpoint
    leaves: Port | None
    enters: Port | None

    @property
    def sound(self) -> bool:
        """Whether both ports exist and carry the same kind."""
        leaves, enters = self.leaves, self.enters
        return leaves is not None and enters is not None and leaves.kind == enters.kind


@dataclass
class Document:
    """What checks and lowering read. `before` lends the parsed nodes that have not changed."""

    workflow: Workflow
    catalogue: Mapping[str, type[Node]]
    library: Library
    before: Document | None = field(default=None, repr=False)

    @cached_property
    def flat(self) -> Flat:
        """The workflow without reroutes, bypassed nodes and subgraphs."""
        return flatten(self.workflow, self.catalogue)

    @cached_property
    def nodes(self) -> dict[NodeId, WorkflowNode]:
        """The nodes of the flat workflow by id; of several with one id, the first."""
        found: dict[NodeId, WorkflowNode] = {}
        for node in self.flat.workflow.nodes:
            found.setdefault(node.id, node)
        return found

    @cached_property
    def types(self) -> dict[NodeId, type[Node] | None]:
        """The declaration of every node; None for a placeholder.

        That is a node of an unknown type or a newer version, and a subgraph that stays closed.
        """
        return {name: self._type(node) for name, node in self.nodes.items()}

    @cached_property
    def outcomes(self) -> dict[NodeId, Parsed]:
        """Every known node with its settings parsed, or why they cannot be."""
        found: dict[NodeId, Parsed] = {}
        for name, declared in self.types.items():
            if declared is not None:
                found[name] = self._kept(name, declared) or _parse(declared, self.nodes[name])
        return {**found, **self.flat.faults}

    @cached_property
    def parsed(self) -> dict[NodeId, Node]:
        """The nodes whose settings are valid."""
        return {name: node for name, node in self.outcomes.items() if isinstance(node, Node)}

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """Every wire whose two nodes are there, in the order of the document."""
        return tuple(self._links())

    @cached_property
    def arriving(self) -> dict[NodeId, dict[str, list[Link]]]:
        """The sound links by target node and port, in the order in which they were drawn."""
        found: dict[NodeId, dict[str, list[Link]]] = {name: {} for name in self.nodes}
        for link in self.links:
            if link.sound:
                found[link.target.node].setdefault(link.target.port, []).append(link)
        return found

    @cached_property
    def graph(self) -> nx.DiGraph[NodeId]:
        """The nodes with an edge for every pair that is wired."""
        graph: nx.DiGraph[NodeId] = nx.DiGraph()
        graph.add_nodes_from(self.nodes)
        graph.add_edges_from((link.source.node, link.target.node) for link in self.links)
        return graph

    @cached_property
    def outputs(self) -> tuple[NodeId, ...]:
        """The nodes that end a track, in the order of the document."""
        return tuple(name for name in self.nodes if getattr(self.types[name], "track", False))

    @cached_property
    def needed(self) -> frozenset[NodeId]:
        """The outputs and everything that leads to them."""
        found = set(self.outputs)
        waiting = list(self.outputs)
        while waiting:
            for name in self.graph.predecessors(waiting.pop()):
                if name not in found:
                    found.add(name)
                    waiting.append(name)
        return frozenset(found)

    @cached_property
    def involved(self) -> frozenset[NodeId]:
        """The needed nodes with the subgraphs they lie in and the reroutes that lead to them."""
        return self.flat.behind(self.needed)

    @cached_property
    def order(self) -> tuple[NodeId, ...]:
        """The needed nodes, sources first; empty where they form a loop.

        It follows the wires from the outputs backwards, so that the order of the nodes in the
        document does not matter.
        """
        if not nx.is_directed_acyclic_graph(self.graph.subgraph(self.needed)):
            return ()
        end = ""
        upstream: nx.DiGraph[NodeId] = nx.DiGraph((end, name) for name in self.outputs)
        upstream.add_edges_from((link.target.node, link.source.node) for link in self.links)
        walk = nx.dfs_postorder_nodes(upstream, end) if self.outputs else ()
        return tuple(name for name in walk if name != end)

    @cached_property
    def spaces(self) -> dict[NodeId, Space | None]:
        """The latent space of the score that leaves each needed node, where it can be told."""
        found: dict[NodeId, Space | None] = {}
        for name in self.order:
            incoming = [space for _, space in self.incoming_spaces(name, found)]
            node = self.parsed.get(name)
            try:
                found[name] = node.space(self.library, incoming) if node else None
            except ChoraleError:  # the model's own check says what is wrong with it
                found[name] = None
        return found

    @cached_property
    def sizes(self) -> dict[NodeId, tuple[tuple[int, int], ...]]:
        """Of every node that leads to pictures the sizes that are asked for, if it is any."""
        found: dict[NodeId, dict[tuple[int, int], None]] = {}
        nodes = {output: self.sampling(output) for output in self.outputs}
        asked = {output: (node and node.asked_size) or OWN[0] for output, node in nodes.items()}
        for output, size in asked.items() if any(map(any, asked.values())) else ():
            for name in (output, *nx.ancestors(self.graph, output)):
                found.setdefault(name, {})[size] = None
        return {name: tuple(sizes) for name, sizes in found.items()}

    def sampling(self, output: NodeId) -> Node | None:
        """The node that says how an output is sampled, and at which size; None where none does."""
        wired = (link.source.node for links in self.arriving[output].values() for link in links)
        nodes = (self.parsed[name] for name in wired if name in self.parsed)
        return next((node for node in nodes if node.asked_size), None)

    def incoming_spaces(
        self, name: NodeId, known: Mapping[NodeId, Space | None]
    ) -> Iterator[tuple[Link, Space]]:
        """The links that bring a score to a node, with its space, in the order of the ports."""
        declared = self.types[name]
        for port in declared.inputs if declared else ():
            for link in self.arriving[name].get(port.name, ()):
                space = known.get(link.source.node)
                if port.kind is Kind.SCORE and space is not None:
                    yield link, space

    def title(self, name: NodeId) -> str:
        """What a person calls the node; with its id where several are called the same."""
        plain = self._titles[name]
        return f"{plain} ({name})" if self._named[plain] > 1 else plain

    @cached_property
    def _titles(self) -> dict[NodeId, str]:
        """The nodes' own titles, else the labels of their types, else the types."""
        found: dict[NodeId, str] = {}
        for name, node in self.nodes.items():
            known = self.catalogue.get(node.type)
            found[name] = node.title or (known.label if known else node.type)
        return found

    @cached_property
    def _named(self) -> Counter[str]:
        return Counter(self._titles.values())

    def place(self, name: NodeId) -> Place:
        """The node's surroundings, as its own check is told of them."""
        sources = {
            port: tuple(
                (self.title(link.source.node), self.parsed[link.source.node])
                for link in links
                if link.source.node in self.parsed
            )
            for port, links in self.arriving[name].items()
        }
        spaces: dict[str, tuple[Space, ...]] = {}
        for link, space in self.incoming_spaces(name, self.spaces):
            spaces[link.target.port] = (*spaces.get(link.target.port, ()), space)
        return Place(self.title(name), self.library, sources, spaces, self.sizes.get(name, OWN))

    def _type(self, node: WorkflowNode) -> type[Node] | None:
        declared = self.catalogue.get(node.type) if node.type not in STRUCTURE else None
        return declared if declared is not None and node.version <= declared.version else None

    def _kept(self, name: NodeId, declared: type[Node]) -> Parsed | None:
        old = self.before.nodes.get(name) if self.before else None
        if old is None or self.before is None or self.before.types[name] is not declared:
            return None
        return self.before.outcomes[name] if old.settings == self.nodes[name].settings else None

    def _links(self) -> Iterator[Link]:
        declared = {each for each in self.types.values() if each is not None}
        leaving = {each: {port.name: port for port in each.outputs} for each in declared}
        entering = {each: {port.name: port for port in each.inputs} for each in declared}
        for wire in self.flat.workflow.wires:
            source, target = wire.source_end, wire.target_end
            if source.node in self.nodes and target.node in self.nodes:
                yield Link(
                    wire,
                    source,
                    target,
                    _port(leaving, self.types[source.node], source.port),
                    _port(entering, self.types[target.node], target.port),
                )


def _port(
    ports: Mapping[type[Node], Mapping[str, Port]], declared: type[Node] | None, name: str
) -> Port | None:
    return ports[declared].get(name) if declared else None


def _parse(declared: type[Node], node: WorkflowNode) -> Parsed:
    try:
        return declared.model_validate(node.settings)
    except ValidationError as error:
        return error
