"""What opening finds: plain nodes, wires as they are drawn, and what wires lead through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from graph.drawing import MAX_NODES, MAX_WIRES, Drawing, Endpoint, NodeId, Wire, WorkflowNode
from graph.errors import Diagnostic

MAX_TITLE = 200


class TooLargeError(Exception):
    """The opened subgraphs have more nodes or wires than a workflow may have."""


@dataclass(frozen=True, slots=True)
class Junction:
    """What wires lead through: a reroute, a bypassed node, or the border of a subgraph.

    `behind` names for each output the input whose wires go on there, `inputs` what may be wired to;
    `single` takes one wire. A bypassed node is `lenient`: nothing is said of its ports, and of
    several wires one goes on where only one is taken.
    """

    title: str
    inputs: frozenset[str]
    behind: Mapping[str, Endpoint]
    single: bool = False
    lenient: bool = False


@dataclass(frozen=True, slots=True)
class Drawn:
    """A wire as it is drawn, between ends of the flat workflow or of junctions.

    `wire` is the document's own, where it is one of the workflow's own drawing.
    """

    origin: Endpoint
    target: Endpoint
    wire: Wire | None = None


@dataclass(slots=True)
class Opened:
    """Everything that lies in a workflow and its subgraphs, side by side.

    The subgraph `a` has two junctions: `a` is its border from outside, `a/` from inside.
    """

    nodes: list[WorkflowNode] = field(default_factory=list[WorkflowNode])
    wires: list[Drawn] = field(default_factory=list[Drawn])
    junctions: dict[NodeId, Junction] = field(default_factory=dict[NodeId, Junction])
    faults: dict[NodeId, ValidationError] = field(default_factory=dict[NodeId, ValidationError])
    diagnostics: list[Diagnostic] = field(default_factory=list[Diagnostic])
    count: int = 0

    def check_size(self) -> None:
        """TooLargeError if there are more nodes, of any kind, or wires than a workflow may have."""
        if self.count > MAX_NODES or len(self.wires) > MAX_WIRES:
            raise TooLargeError


@dataclass(frozen=True, slots=True)
class Scope:
    """The drawing that is being opened: what it is called, and where it lies.

    `outer` is what the ids of its nodes begin with, `names` the subgraphs that it lies in.
    """

    drawing: Drawing
    outer: NodeId = ""
    title: str = ""
    names: tuple[str, ...] = ()

    def end(self, end: Endpoint) -> Endpoint:
        """The end of a wire of this drawing, in the flat workflow."""
        return Endpoint(self.outer + end.node, end.port) if self.outer else end

    def titled(self, title: str) -> str:
        """What a node of this drawing is called from outside."""
        path = f"{self.title} › {title}" if self.title else title
        return path if len(path) <= MAX_TITLE else f"{path[:60]}…{path[61 - MAX_TITLE :]}"
