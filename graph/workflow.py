"""The workflow: the one versioned JSON document for page, API, command line and shared pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple, cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from graph.errors import ChoraleError, Diagnostic
from graph.jsontext import parse_json, read_limited, refused
from graph.migrations import migrate
from graph.words import describe, got, shown, where

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


def read_workflow(source: bytes | str | Path) -> Workflow:
    """Parse a workflow: the bytes or text of its JSON, or the path of a file.

    Older documents are migrated; a newer one keeps what this version does not know. ChoraleError
    W001 to W009 says what is wrong with the text, the limits or the form.
    """
    raw = read_limited(source, MAX_BYTES) if isinstance(source, Path) else source
    document = parse_json(
        raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw, MAX_BYTES
    )
    if not isinstance(document, dict):
        raise refused("W002", f"A workflow is an object, got {shown(document)}.")
    document = migrate(cast("dict[str, Any]", document), VERSION)
    try:
        return Workflow.model_validate(document)
    except ValidationError as error:
        raise ChoraleError(*map(_rewritten, error.errors(include_url=False)[:20])) from None


def dump_workflow(workflow: Workflow) -> str:
    """The document as JSON text; what was not set, or not understood, comes out as it came in."""
    content = workflow.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return json.dumps({"chorale": workflow.chorale, **content}, indent=1, ensure_ascii=False) + "\n"


def json_schema() -> dict[str, Any]:
    """The JSON Schema of workflow files."""
    schema = Workflow.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _rewritten(error: Any) -> Diagnostic:
    found, place = describe(error), where(error["loc"])
    code = {"nodes": "W004", "wires": "W005", "assets": "W008"}.get(place, "W002")
    if code != "W002" and found.kind == "size":
        count = len(error["input"])
        return Diagnostic(code, f"The workflow has {count} {place}; expected {found.expected}.")
    if found.kind == "missing":
        return Diagnostic("W002", f"'{place}' is missing.", "Add it.")
    return Diagnostic("W002", f"'{place}' expected {found.expected}, got {got(error)}.")
