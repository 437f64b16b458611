"""Chorale: `python app.py` opens the studio; with arguments it is the command line."""

from __future__ import annotations

import sys


def main(argv: list[str]) -> int:
    """Open the page, or hand the arguments to the command line; returns the exit status."""
    if argv:
        from studio.cli import main as command_line

        return command_line(argv)
    from studio.page import serve

    serve()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
