"""`python -m bench [part …]`: one table of all parts, or of those that are named."""

from __future__ import annotations

import importlib
import sys

from bench.timing import HEADER

PARTS = (
    "compile",
    "loop",
    "companions",
    "parity",
    "checkpoints",
    "speed",
    "shapes",
    "start",
    "page",
)


def main(parts: list[str]) -> None:
    """Print the rows of the chosen parts, of all by default."""
    print(HEADER)
    for part in parts or PARTS:
        for row in importlib.import_module(f"bench.{part}").rows():
            print(row, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
