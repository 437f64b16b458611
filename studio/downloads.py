"""What the page downloads: one file as it is, or several in a ZIP."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from graph.errors import Diagnostic
from studio.frames import Frame

KINDS = {".png": "image/png", ".py": "text/x-python", ".zip": "application/zip"}


def download(stem: str, files: Mapping[str, bytes]) -> Frame:
    """The files as the page saves them, several as one named `stem`: {name, address, said}."""
    if len(files) == 1:
        ((name, content),) = files.items()
    else:
        name, content = f"{stem}.zip", _zipped(files)
    return {"name": name, "address": address(KINDS[Path(name).suffix], content), **said(())}


def address(kind: str, content: bytes) -> str:
    """The content as a data URL."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def said(diagnostics: Sequence[Diagnostic]) -> Frame:
    """What is said beside an answer, or instead of it: {said}."""
    return {"said": [each.as_json() for each in diagnostics]}


def _zipped(files: Mapping[str, bytes]) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as folder:
        for name, content in files.items():
            folder.writestr(name, content)
    return raw.getvalue()
