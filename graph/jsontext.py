"""JSON text, read strictly: no numbers that are none, no deep nesting, no broken characters."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NoReturn, cast

from graph.errors import ChoraleError, Diagnostic

MAX_DEPTH = 32


def parse_json(raw: bytes, limit: int) -> Any:
    """The value that the text holds; ChoraleError W001 (no JSON), W003 (size) or W006 (depth)."""
    if len(raw) > limit:
        raise refused("W003", f"The text has {len(raw)} bytes; at most {limit} are read.")
    try:
        text = raw.decode("utf-8-sig")
        value = json.loads(text, parse_constant=_no_number, parse_float=_finite)
    except UnicodeDecodeError as error:
        raise refused("W001", f"The text is no UTF-8 at byte {error.start}.") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise refused("W001", f"The text is no JSON at {place}: {error.msg}.") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:  # numbers that are no numbers, or of thousands of digits
        raise refused("W001", f"The text holds a number that cannot be read: {error}.") from None
    _check_depth(value)
    return value


def read_limited(path: Path, limit: int, hint: str = "") -> bytes:
    """A file of at most so many bytes; ChoraleError W003 or W009, with this hint if given."""
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no path of a file"
        raise refused("W009", f"'{path.name}' cannot be read: {reason}.", hint) from None
    if len(data) > limit:
        raise refused("W003", f"'{path.name}' is larger than {limit // 2**20} MB.", hint)
    return data


def refused(code: str, message: str, hint: str = "") -> ChoraleError:
    """The error for a file that cannot be opened."""
    return ChoraleError(Diagnostic(code, message, hint or "Choose a workflow saved by Chorale."))


def _check_depth(value: Any) -> None:
    """Refuse nesting below MAX_DEPTH levels, and text with halves of characters."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        deeper: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                members = cast("dict[str, Any]", each)
                deeper.extend(members)
                deeper.extend(members.values())
            elif isinstance(each, list):
                deeper.extend(cast("list[Any]", each))
            elif isinstance(each, str) and not each.isascii():
                _check_characters(each)
        level = deeper
        if not level:
            return
    raise _too_deep()


def _check_characters(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise refused("W001", "The text holds half a character (a lone surrogate).") from None


def _too_deep() -> ChoraleError:
    return refused("W006", f"The document is nested deeper than {MAX_DEPTH} levels.")


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number in JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is too large")
    return number
