"""The judge: a network that never saw an expert's data says what generated pictures show."""

from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """`python app.py judge`; returns the exit status."""
    from training.judge.cli import main as command

    return command(argv)
