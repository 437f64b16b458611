"""What the page asks of an export: the workflow as a Python file to download."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graph.errors import ChoraleError
from studio.calls import Call
from studio.downloads import download, said
from studio.frames import Frame

ELSEWHERE = Path("models")
"""Where the file looks for models on a machine of which nobody here knows."""


def exported(asked: Mapping[str, Any], *, near: bool = False) -> Frame:
    """The file, in a ZIP with the pictures that it reads: {name, address}, or what is {said}.

    A `record` is the performance that it plays. Only to whom is `near`, on this machine, it says
    where the models of this machine lie.
    """
    try:
        piece = Call(asked.get("workflow"), performance=asked.get("record")).piece()
        made = piece.export(models=Path.resolve if near else lambda _: ELSEWHERE)
    except ChoraleError as error:
        return said(error.diagnostics)
    return download(piece.stem, {f"{piece.stem}.py": made.text.encode(), **made.files})
