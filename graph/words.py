"""Plain words for what pydantic finds: what was expected, what was got."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, NamedTuple

TYPES = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "string": "text",
    "list": "a list",
    "tuple": "a list",
    "dict": "an object",
    "model": "an object",
    "dataclass": "an object",
}
BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}
SIZES = {
    "string_too_short": ("min_length", "at least {} characters"),
    "string_too_long": ("max_length", "at most {} characters"),
    "too_short": ("min_length", "at least {} items"),
    "too_long": ("max_length", "at most {} items"),
}
FORMS = {
    r"^([0-9a-f]{64})?$": "the sha256 name of a stored picture",
    r"^[A-Za-z][A-Za-z0-9_-]{0,63}$": "a letter, then up to 63 letters, digits, _ or -",
    r"^[a-z0-9][a-z0-9-]{0,39}$": "up to 40 small letters, digits and hyphens",
    r"^[^./]{1,64}\.[^.]{1,64}$": "node.port",
    r"^[^.]{1,64}$": "up to 64 characters without a dot",
}


class Finding(NamedTuple):
    """One thing that is wrong with a value: its kind, and what was expected."""

    kind: str
    expected: str


def describe(error: Any) -> Finding:
    """The kind (unknown, missing, type, range, number, choice, size, other) and the expectation."""
    name: str = error["type"]
    context: dict[str, Any] = error.get("ctx", {})
    family = name.partition("_")[0]
    if name == "extra_forbidden":
        return Finding("unknown", "no setting of that name")
    if name in ("missing", "union_tag_not_found"):
        return Finding("missing", "a value")
    if name == "finite_number":
        return Finding("number", "a finite number")
    if name in BOUNDS:
        bound, words = BOUNDS[name]
        return Finding("range", f"{words} {context[bound]:.12g}")
    if name in SIZES:
        limit, words = SIZES[name]
        words = words.removesuffix("s") if context[limit] == 1 else words
        return Finding("size", words.format(context[limit]))
    if name in ("literal_error", "enum", "union_tag_invalid"):
        tags = context.get("expected_tags", context.get("expected", ""))
        return Finding("choice", f"one of {tags}")
    if name == "string_pattern_mismatch":
        pattern = context["pattern"]
        return Finding("other", FORMS.get(pattern, f"text of the form {pattern}"))
    if name == "value_error":
        return Finding("other", str(context.get("error", error["msg"])))
    if family in TYPES and family != "value":
        return Finding("type", TYPES[family])
    return Finding("other", str(error["msg"]))


def where(location: Iterable[int | str]) -> str:
    """A place in a document as a person writes it: nodes[3].id."""
    found = ""
    for part in location:
        name = str(part)[:60]
        found += f"[{name}]" if isinstance(part, int) else f".{name}" if found else name
    return found


def got(error: Any) -> str:
    """What was found in place of the expected: a value, or its size where that is wrong."""
    value = error["input"]
    if error["type"].startswith("string_too_"):
        return f"{len(value)} characters"
    return shown(error.get("ctx", {}).get("tag", value))


def shown(value: object) -> str:
    """A value as it was got, cut short."""
    if isinstance(value, str):
        text = f"'{value[:60]}'"
    elif isinstance(value, bool) or value is None:
        text = {True: "true", False: "false", None: "nothing"}[value]
    elif isinstance(value, dict):
        return "an object"
    elif isinstance(value, list | tuple):
        return f"a list of {len(value)}"  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(value, int) and abs(value) >= 10**18:
        text = f"a number of {len(str(abs(value)))} digits"
    else:
        text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…'"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The question whether a known word was meant; nothing if none is near."""
    close = get_close_matches(name, list(known), n=1)
    return f"Did you mean '{close[0]}'?" if close else ""
