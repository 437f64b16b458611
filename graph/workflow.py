"""The workflow: the one versioned JSON document for page, API, command line and shared pictures."""

from __future__ import annotations

from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, JsonValue

VERSION = 1
MAX_NODES = 2_000
MAX_WIRES = 8_000
MAX_ASSETS = 64
MAX_BYTES = 16 * 2**20

NodeId = str


class Endpoint(NamedTuple):
    """One end of a wire."""

    node: NodeId
    port: str


class WorkflowNode(BaseModel):
    """A node as the document holds it; keys that this version does not know survive a save."""

    model_config = ConfigDict(frozen=True, extra="allow")
    id: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")
    type: str = Field(min_length=1, max_length=64)
    version: int = Field(default=1, ge=1)
    title: str | None = Field(default=None, max_length=200)
    settings: dict[str, JsonValue] = Field(default_factory=dict)


class Wire(BaseModel):
    """A wire from an output port to an input port, each written `node.port`."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)
    origin: str = Field(alias="from", pattern=r"^[^.]{1,64}\.[^.]{1,64}$")
    target: str = Field(alias="to", pattern=r"^[^.]{1,64}\.[^.]{1,64}$")

    @property
    def source_end(self) -> Endpoint:
        """Where the wire starts."""
        return Endpoint(*self.origin.split("."))

    @property
    def target_end(self) -> Endpoint:
        """Where the wire ends."""
        return Endpoint(*self.target.split("."))


class Workflow(BaseModel):
    """The document. `assets` maps sha256 names to base64 files; `view` belongs to the page."""

    model_config = ConfigDict(frozen=True, extra="allow")
    chorale: int = Field(default=VERSION, ge=1)
    title: str = Field(default="Untitled", max_length=200)
    description: str = Field(default="", max_length=4_000)
    nodes: tuple[WorkflowNode, ...] = Field(default=(), max_length=MAX_NODES)
    wires: tuple[Wire, ...] = Field(default=(), max_length=MAX_WIRES)
    assets: dict[str, str] = Field(default_factory=dict, max_length=MAX_ASSETS)
    view: dict[str, Any] = Field(default_factory=dict)

    def with_settings(self, node: NodeId, **settings: JsonValue) -> Workflow:
        """A copy in which some settings of one node are replaced."""
        nodes = tuple(
            old.model_copy(update={"settings": {**old.settings, **settings}})
            if old.id == node
            else old
            for old in self.nodes
        )
        return self.model_copy(update={"nodes": nodes})
