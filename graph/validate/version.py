"""The version of the document."""

from __future__ import annotations

from collections.abc import Iterator

from graph.document import Document
from graph.errors import Diagnostic
from graph.workflow import VERSION


def check(document: Document) -> Iterator[Diagnostic]:
    """W007 for a document of a newer version, which is opened as far as it is understood."""
    if document.workflow.chorale > VERSION:
        yield Diagnostic(
            "W007",
            f"The workflow is of version {document.workflow.chorale}; this Chorale knows "
            f"{VERSION}. What it does not understand is kept as it is.",
            "Update Chorale.",
            severity="warning",
        )
