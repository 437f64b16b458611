"""Diagnostics: what is wrong, where, and the one action that mends it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding about a workflow, a file or a run, with a permanent code (docs/errors.md).

    `message` says what, where, expected and got; `hint` names one way out; `node` and `port`
    say where the page marks it.
    """

    code: str
    message: str
    hint: str = ""
    node: str | None = None
    port: str | None = None
    severity: Severity = "error"

    def __str__(self) -> str:
        return " ".join(part for part in (self.code, self.message, self.hint) if part)

    def as_json(self) -> dict[str, str | None]:
        """The fields as JSON-ready values."""
        return asdict(self)


class ChoraleError(Exception):
    """Raised where work cannot go on; carries the diagnostics that a person is shown."""

    def __init__(self, *diagnostics: Diagnostic) -> None:
        self.diagnostics = diagnostics
        super().__init__("\n".join(str(diagnostic) for diagnostic in diagnostics))


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether any of the diagnostics forbids a run."""
    return any(diagnostic.severity == "error" for diagnostic in diagnostics)
