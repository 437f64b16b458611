"""Outputs: there is something to sample, and not too much at once."""

from __future__ import annotations

from collections.abc import Iterator

from graph.document import Document
from graph.errors import Diagnostic

MAX_TRACKS = 8


def check(document: Document) -> Iterator[Diagnostic]:
    """G009 without an output, R008 for more tracks than can be sampled together."""
    labels = [each.label for each in document.catalogue.values() if each.track]
    if not document.outputs:
        yield Diagnostic(
            "G009",
            "The workflow has no output: nothing would be sampled.",
            f"Add one of: {', '.join(labels)}.",
        )
    if len(document.outputs) > MAX_TRACKS:
        yield Diagnostic(
            "R008",
            f"The workflow has {len(document.outputs)} outputs; "
            f"at most {MAX_TRACKS} are sampled together.",
            "Delete some, or make a workflow of each.",
        )
