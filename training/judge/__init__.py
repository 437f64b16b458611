"""The judge: a network that never saw an expert's data says what generated pictures show."""

from collections.abc import Sequence
from importlib import import_module

STUDIES = ("automatic", "bridge", "logic", "loose", "meters")
"""What is measured beside the table; each is a module of its own."""


def main(argv: Sequence[str]) -> int:
    """`python app.py judge [automatic | bridge | logic | loose | meters]`; returns the exit status.

    It is 1 where there is no expert.
    """
    study = argv[0] if argv and argv[0] in STUDIES else None
    command = import_module(f"training.judge.{study or 'cli'}")
    folder = import_module("training.judge.folder")
    try:
        return command.main(argv[1:] if study else argv)
    except folder.NobodyError as error:
        print(error)
        return 1
