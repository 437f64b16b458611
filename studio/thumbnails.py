"""Small pictures of a model's classes, for the page's picker."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from graph.errors import ChoraleError

if TYPE_CHECKING:
    from graph.library import Library

FILE = "labels.webp"
LARGEST = 2**20


def thumbnails(library: Library, name: object) -> str | None:
    """The sprite beside a model's card as a data URL: its labels in order, five a row; or None."""
    try:
        path = library.model(str(name)).folder / FILE
    except ChoraleError:
        return None  # the check of the workflow says what is wrong with the model
    if not path.is_file() or path.stat().st_size > LARGEST:
        return None
    return f"data:image/webp;base64,{base64.b64encode(path.read_bytes()).decode()}"
