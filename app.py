"""Chorale: `python app.py` opens the studio, with --mcp as an MCP server too.

With other arguments it is the command line.
"""

from __future__ import annotations

import sys


def main(argv: list[str]) -> int:
    """Open the page, or hand the arguments to the command line; returns the exit status."""
    if argv not in ([], ["--mcp"]):
        from studio.cli import main as command_line

        return command_line(argv)
    from graph.errors import ChoraleError
    from studio.page import serve

    try:
        serve(mcp="--mcp" in argv)
    except ChoraleError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
