"""Drafts: the documents that pages edit, so that after the first check only changes travel."""

from __future__ import annotations

import copy
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, cast

PAGE = re.compile(r"[0-9a-f]{32}")
MAX_DRAFTS = 32
MAX_CHANGES = 10_000
MAX_DEPTH = 64


class Drafts:
    """The last document of each page, by the page's unguessable name; the oldest are forgotten."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[int, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, asked: Mapping[str, Any]) -> tuple[int, Any] | None:
        """The number and the document of {page, workflow} or {page, number, patch}.

        None if the patch belongs to a draft that is not known here: the page sends the whole again.
        """
        page = asked.get("page")
        if "patch" not in asked:
            document = asked.get("workflow")
            return self._keep(page, 1, document), document
        with self._lock:
            known = self._known.get(page) if isinstance(page, str) else None
        if known is None or known[0] != asked.get("number"):
            return None
        try:
            document = patched(known[1], asked["patch"])
        except ValueError:
            return None
        return self._keep(page, known[0] + 1, document), document

    def _keep(self, page: object, number: int, document: object) -> int:
        """Remember a page's document; its number, or 0 for a page without a proper name."""
        if not isinstance(page, str) or not PAGE.fullmatch(page):
            return 0
        with self._lock:
            self._known[page] = (number, document)
            self._known.move_to_end(page)
            while len(self._known) > MAX_DRAFTS:
                self._known.popitem(last=False)
        return number


def patched(document: object, patch: object) -> Any:
    """A copy of a JSON document after a list of changes. ValueError if one of them does not fit it.

    The changes are those of `editor/src/document/patch.js`: `["set", path, value]`, `["cut", path]`
    and `["splice", path, start, count, items]`.
    """
    if not isinstance(patch, list) or len(cast("list[Any]", patch)) > MAX_CHANGES:
        raise ValueError("a patch is a list of changes")
    found: dict[str, Any] = {"": copy.deepcopy(document)}
    for change in cast("list[Any]", patch):
        match change:
            case ["set", [*path], value]:
                holder, key = _holder(found, path)
                holder[key] = value
            case ["cut", [*path]] if path:
                holder, key = _holder(found, path)
                del holder[_there(holder, key)]
            case ["splice", [*path], int(start), int(count), [*items]] if start >= 0 <= count:
                holder, key = _holder(found, path)
                inner = holder[_there(holder, key)]
                if not isinstance(inner, list):
                    raise ValueError("only lists are spliced")
                inner[start : start + count] = items
            case _:
                raise ValueError("no change of a kind that is known")
    return found[""]


def _holder(found: dict[str, Any], path: list[Any]) -> tuple[Any, Any]:
    """What holds the end of a path, and under which key or index."""
    if len(path) > MAX_DEPTH:
        raise ValueError("the path is too long")
    keys: list[Any] = ["", *path]
    holder: Any = found
    for key in keys[:-1]:
        holder = holder[_there(holder, key)]
    last = keys[-1]
    if isinstance(holder, list):
        return cast("list[Any]", holder), _there(holder, last)
    if isinstance(holder, dict) and isinstance(last, str):
        return cast("dict[str, Any]", holder), last
    raise ValueError("the path leads nowhere")


def _there(holder: Any, key: Any) -> Any:
    """The key, if the holder has something under it."""
    if isinstance(holder, dict) and isinstance(key, str) and key in holder:
        return key
    if isinstance(holder, list) and isinstance(key, int) and not isinstance(key, bool):
        length = len(cast("list[Any]", holder))
        if 0 <= key < length:
            return key
    raise ValueError("the path leads nowhere")
