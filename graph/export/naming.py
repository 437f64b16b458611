"""Names: variables of an exported file that read well and mean one thing each."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Iterable


class Names:
    """Gives every thing a name of its own, made from the words that people gave it."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = {*taken, *keyword.kwlist, *keyword.softkwlist, *dir(builtins)}
        self._given: dict[object, str] = {}

    def of(self, thing: object, words: str) -> str:
        """The name of a thing; always the same one."""
        if thing not in self._given:
            self._given[thing] = self._free(words)
        return self._given[thing]

    def _free(self, words: str) -> str:
        plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
        base = re.sub(r"[^0-9a-z]+", "_", plain.lower()).strip("_") or "it"
        base = f"n{base}" if base[0].isdigit() else base
        name, number = base, 2
        while name in self._taken:
            name, number = f"{base}_{number}", number + 1
        self._taken.add(name)
        return name
