"""The workflow: the one versioned JSON document for page, API, command line and shared pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import Field, JsonValue, ValidationError

from graph.addresses import Change, changed, drawing_of
from graph.drawing import MAX_NODES, MAX_WIRES, Drawing, NodeId, Subgraph, WorkflowNode
from graph.errors import ChoraleError, Diagnostic
from graph.jsontext import parse_json, read_limited, refused
from graph.migrations import migrate
from graph.words import describe, got, shown, where

VERSION = 1
MAX_SUBGRAPHS = 100
MAX_ASSETS = 512
MAX_BYTES = 16 * 2**20
MAX_VIEW_BYTES = 2**20

FIRST = ("chorale", "title", "description")
"""What a saved document begins with."""


class Workflow(Drawing):
    """The document. `assets` maps sha256 names to base64 files; `subgraphs` are by name."""

    chorale: int = Field(default=VERSION, ge=1)
    title: str = Field(default="Untitled", max_length=200)
    description: str = Field(default="", max_length=4_000)
    assets: dict[str, str] = Field(default_factory=dict, max_length=MAX_ASSETS)
    subgraphs: dict[Annotated[str, Field(min_length=1, max_length=200)], Subgraph] = Field(
        default_factory=dict, max_length=MAX_SUBGRAPHS
    )

    @property
    def drawings(self) -> tuple[Drawing, ...]:
        """The workflow's own drawing and those of its subgraphs."""
        return (self, *self.subgraphs.values())

    def find(self, address: NodeId) -> WorkflowNode | None:
        """The node of that address (`outer/inner` lies in a subgraph), or None."""
        drawing, name = drawing_of(self, self.subgraphs, address)
        return drawing.node(name)

    def with_settings(self, node: NodeId, /, **settings: JsonValue) -> Workflow:
        """A copy in which some settings of one node are replaced.

        Where the node lies in a subgraph that stands elsewhere too, the others keep theirs.
        """
        *path, name = node.split("/")

        def replaced(drawing: Drawing) -> Mapping[str, Any]:
            old = drawing.node(name)
            return {"nodes": drawing.with_node(old.with_settings(**settings)).nodes} if old else {}

        return self.within(path, replaced) if self.find(node) else self

    def within(self, path: Sequence[NodeId], change: Change) -> Workflow:
        """A copy with a change to the drawing that the ids of outer nodes lead to."""
        top, subgraphs = changed(self, self.subgraphs, path, change)
        return top.model_copy(update={"subgraphs": subgraphs}) if path else top

    def throughout(self, change: Change) -> Workflow:
        """A copy with a change to each of its drawings."""
        update = dict(change(self))
        if self.subgraphs:
            inner = self.subgraphs.items()
            update["subgraphs"] = {
                name: each.model_copy(update=change(each)) for name, each in inner
            }
        return self.model_copy(update=update)


def read_workflow(source: bytes | str | Path) -> Workflow:
    """Parse a workflow: the bytes or text of its JSON, or the path of a file.

    Older documents are migrated; a newer one keeps what this version does not know. ChoraleError
    W001 to W014 says what is wrong with the text, the limits or the form.
    """
    raw = read_limited(source, MAX_BYTES) if isinstance(source, Path) else source
    document = parse_json(
        raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw, MAX_BYTES
    )
    if not isinstance(document, dict):
        raise refused("W002", f"A workflow is an object, got {shown(document)}.")
    document = migrate(cast("dict[str, Any]", document), VERSION)
    try:
        workflow = Workflow.model_validate(document)
    except ValidationError as error:
        raise ChoraleError(*map(_rewritten, error.errors(include_url=False)[:20])) from None
    if workflow.subgraphs or workflow.view:
        _check_sizes(workflow)
    return workflow


def dump_workflow(workflow: Workflow) -> str:
    """The document as JSON text; what was not set, or not understood, comes out as it came in."""
    content = workflow.model_dump(mode="json", by_alias=True, exclude_unset=True)
    content["chorale"] = workflow.chorale
    first = {name: content[name] for name in FIRST if name in content}
    return json.dumps({**first, **content}, indent=1, ensure_ascii=False) + "\n"


def json_schema() -> dict[str, Any]:
    """The JSON Schema of workflow files."""
    schema = Workflow.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _check_sizes(workflow: Workflow) -> None:
    """Refuse a document whose drawings are too large together: W004, W005 or W014."""
    drawings = workflow.drawings
    views = [json.dumps(each.view, ensure_ascii=False) for each in drawings if each.view]
    for code, count, limit, what in (
        ("W004", sum(len(each.nodes) for each in drawings), MAX_NODES, "nodes"),
        ("W005", sum(len(each.wires) for each in drawings), MAX_WIRES, "wires"),
        ("W014", sum(len(each.encode()) for each in views), MAX_VIEW_BYTES, "bytes of view"),
    ):
        if count > limit:
            raise ChoraleError(_too_many(code, count, what, f"at most {limit}"))


def _rewritten(error: Any) -> Diagnostic:
    found, place = describe(error), where(error["loc"])
    last = str(error["loc"][-1])
    code = {"nodes": "W004", "wires": "W005", "assets": "W008", "subgraphs": "W013"}.get(last)
    if code and found.kind == "size":
        return _too_many(code, len(error["input"]), last, found.expected)
    if found.kind == "missing":
        return Diagnostic("W002", f"'{place}' is missing.", "Add it.")
    return Diagnostic("W002", f"'{place}' expected {found.expected}, got {got(error)}.")


def _too_many(code: str, count: int, what: str, expected: str) -> Diagnostic:
    return Diagnostic(code, f"The workflow has {count} {what}; expected {expected}.")
