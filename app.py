"""Chorale: `python app.py` opens the studio, with --mcp as an MCP server too.

--training lets visitors train whoever they are, --no-training nobody; unless one is given, those
may who sit at this machine. With other arguments it is the command line.
"""

from __future__ import annotations

import sys

TRAINING = {"--training": True, "--no-training": False}


def main(argv: list[str]) -> int:
    """Open the page, or hand the arguments to the command line; returns the exit status."""
    if not set(argv) <= {"--mcp", *TRAINING}:
        from studio.cli import main as command_line

        return command_line(argv)
    from graph.errors import ChoraleError
    from studio.page import serve

    try:
        told = [TRAINING[each] for each in argv if each in TRAINING]
        serve(mcp="--mcp" in argv, training=told[-1] if told else None)
    except ChoraleError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
