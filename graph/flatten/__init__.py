"""Flattening: reroutes, bypassed nodes and subgraphs dissolve, so that plain nodes are left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from graph.drawing import STRUCTURE, NodeId
from graph.errors import Diagnostic
from graph.flatten import findings
from graph.flatten.leads import Leads
from graph.flatten.opened import TooLargeError
from graph.flatten.opening import Opening
from graph.node import Node
from graph.workflow import Workflow


@dataclass(frozen=True, slots=True)
class Flat:
    """A workflow of plain nodes; those of a subgraph have the ids `outer/inner`.

    A subgraph that cannot be opened stays as a placeholder. `faults` says what is wrong with the
    settings of such a node. Where there is something to say, `upstream` holds what is wired to each
    node as it was drawn; `dissolved` are the nodes that are gone.
    """

    workflow: Workflow
    diagnostics: tuple[Diagnostic, ...] = ()
    faults: Mapping[NodeId, ValidationError] = field(default_factory=dict[NodeId, ValidationError])
    upstream: Mapping[NodeId, set[NodeId]] = field(default_factory=dict[NodeId, set[NodeId]])
    dissolved: frozenset[NodeId] = frozenset()

    def behind(self, nodes: Iterable[NodeId]) -> frozenset[NodeId]:
        """The nodes and everything drawn that leads to them or that they lie in."""
        found = set(nodes)
        waiting = list(found)
        while waiting:
            name = waiting.pop()
            outer = name.rpartition("/")[0]
            for each in (*self.upstream.get(name, ()), *([outer] if outer else ())):
                if each not in found:
                    found.add(each)
                    waiting.append(each)
        return frozenset(found)


def flatten(workflow: Workflow, catalogue: Mapping[str, type[Node]]) -> Flat:
    """The workflow without reroutes, bypassed nodes and subgraphs; linear, and never raises.

    G001, G003, G007, G008 and G012 to G015 say what is wrong with them.
    """
    if not any(node.bypass or node.type in STRUCTURE for node in workflow.nodes):
        return Flat(workflow)
    try:
        opened = Opening(workflow, catalogue).opened()
    except TooLargeError:
        opened = Opening(workflow, catalogue, closed=True).opened()
        opened.diagnostics.append(findings.too_large())
    leads = Leads(opened, catalogue)
    flat = {"nodes": tuple(opened.nodes), "wires": tuple(leads.wires())}
    found = (*opened.diagnostics, *leads.diagnostics)
    upstream: dict[NodeId, set[NodeId]] = {}
    for drawn in opened.wires if found else ():
        origin, target = drawn.origin.node.rstrip("/"), drawn.target.node.rstrip("/")
        upstream.setdefault(target, set()).add(origin)
    dissolved = frozenset(name for name in opened.junctions if not name.endswith("/"))
    return Flat(workflow.model_copy(update=flat), found, opened.faults, upstream, dissolved)
