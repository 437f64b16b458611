"""What is drawn: nodes and the wires between them, at the top of a workflow or in a subgraph."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictBool

MAX_NODES = 2_000
MAX_WIRES = 8_000
END = r"^[^./]{1,64}\.[^.]{1,64}$"

REROUTE = "reroute"
"""The node type that stands on a wire, so that the wire can be led around something."""
SUBGRAPH = "subgraph"
"""The node type that stands for a drawing of its own, which its setting `of` names."""

STRUCTURE = frozenset({REROUTE, SUBGRAPH})
"""The node types that shape a drawing, and are gone from a flat workflow."""

NodeId = str
"""An id; `outer/inner` is the node `inner` of the subgraph that the node `outer` stands for."""


class Endpoint(NamedTuple):
    """One end of a wire."""

    node: NodeId
    port: str


class WorkflowNode(BaseModel):
    """A node as the document holds it; keys that this version does not know survive a save.

    A node with `bypass` is left out of the run: what comes in goes on where the kinds allow it.
    """

    model_config = ConfigDict(frozen=True, extra="allow")
    id: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")
    type: str = Field(min_length=1, max_length=64)
    version: int = Field(default=1, ge=1)
    title: str | None = Field(default=None, max_length=200)
    bypass: StrictBool = False
    settings: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def definition(self) -> str:
        """The name of the drawing that a subgraph stands for; empty if it names none."""
        name = self.settings.get("of") if self.type == SUBGRAPH else None
        return name if isinstance(name, str) else ""

    def with_settings(self, /, **settings: JsonValue) -> Self:
        """A copy in which some settings are replaced."""
        return self.model_copy(update={"settings": {**self.settings, **settings}})


class Wire(BaseModel):
    """A wire from an output port to an input port, each written `node.port`."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)
    origin: str = Field(alias="from", pattern=END)
    target: str = Field(alias="to", pattern=END)

    @property
    def source_end(self) -> Endpoint:
        """Where the wire starts."""
        return Endpoint(*self.origin.split("."))

    @property
    def target_end(self) -> Endpoint:
        """Where the wire ends."""
        return Endpoint(*self.target.split("."))


class Drawing(BaseModel):
    """Nodes with their wires; `view` is the page's own: places, groups, notes."""

    model_config = ConfigDict(frozen=True, extra="allow")
    title: str = Field(default="", max_length=200)
    nodes: tuple[WorkflowNode, ...] = Field(default=(), max_length=MAX_NODES)
    wires: tuple[Wire, ...] = Field(default=(), max_length=MAX_WIRES)
    view: dict[str, Any] = Field(default_factory=dict)

    def node(self, name: NodeId) -> WorkflowNode | None:
        """The node of that id in this drawing; of several, the first."""
        return next((node for node in self.nodes if node.id == name), None)

    def with_node(self, node: WorkflowNode) -> Self:
        """A copy in which this node stands where the one of its id stood."""
        nodes = tuple(node if old.id == node.id else old for old in self.nodes)
        return self.model_copy(update={"nodes": nodes})


class Inlet(BaseModel):
    """An input of a subgraph; one that feeds several inner ports is given several times."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)
    name: str = Field(pattern=r"^[^.]{1,64}$")
    label: str = Field(default="", max_length=200)
    target: str = Field(alias="to", pattern=END)

    @property
    def target_end(self) -> Endpoint:
        """The inner input port."""
        return Endpoint(*self.target.split("."))


class Outlet(BaseModel):
    """An output of a subgraph."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)
    name: str = Field(pattern=r"^[^.]{1,64}$")
    label: str = Field(default="", max_length=200)
    origin: str = Field(alias="from", pattern=END)

    @property
    def source_end(self) -> Endpoint:
        """The inner output port."""
        return Endpoint(*self.origin.split("."))


class Subgraph(Drawing):
    """A drawing that stands in others as one node, with inputs and outputs of its own."""

    inputs: tuple[Inlet, ...] = Field(default=(), max_length=MAX_WIRES)
    outputs: tuple[Outlet, ...] = Field(default=(), max_length=MAX_WIRES)
