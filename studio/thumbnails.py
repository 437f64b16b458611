"""Small pictures of a model's classes, for the page's picker."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from graph.errors import ChoraleError

if TYPE_CHECKING:
    from graph.library import Library

LARGEST = 2**20


def thumbnails(library: Library, name: object) -> str | None:
    """The sprite NAME.webp beside a model's folder NAME as a data URL, or None if it has none.

    It shows the labels of the model's card in their order, five a row.
    """
    try:
        folder = library.model(str(name)).folder
    except ChoraleError:
        return None  # the check of the workflow says what is wrong with the model
    path = folder.parent / f"{folder.name}.webp"
    if not path.is_file() or path.stat().st_size > LARGEST:
        return None
    return f"data:image/webp;base64,{base64.b64encode(path.read_bytes()).decode()}"
