"""What every training of a companion does from the command line: run, report, say what is wrong."""

import json
import math
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Protocol

from graph.errors import ChoraleError
from training.budget import Budget


class Named(Protocol):
    """What is trained has a name."""

    @property
    def name(self) -> str:
        """Its run's."""
        ...


class Paced(Protocol):
    """The settings say how often a training is measured."""

    @property
    def validate_minutes(self) -> float:
        """Minutes between two reports."""
        ...


class Training(Protocol):
    """A training that can be advanced step by step and reports on itself."""

    @property
    def task(self) -> Named:
        """What is trained."""
        ...

    @property
    def settings(self) -> Paced:
        """How it is trained."""
        ...

    def advance(self, progress: float) -> float:
        """Do one step and return its loss."""
        ...

    def report(self, loss: float | None, minutes: float) -> dict[str, Any]:
        """Measure, and write the checkpoint."""
        ...


def advance(training: Training, budget: Budget) -> None:
    """Train until the budget is used up, validating and saving on the way."""
    last, loss = 0.0, math.nan
    for progress, bar in budget.ticks(training.task.name):
        loss = training.advance(progress)
        if budget.elapsed - last > 60 * training.settings.validate_minutes:
            last = budget.elapsed
            entry = training.report(loss, budget.elapsed / 60)
            print(json.dumps(entry), flush=True)
            bar.set_postfix(step=entry["step"], held_out=entry["held_out"])
    print(json.dumps(training.report(loss, budget.elapsed / 60)), flush=True)


@contextmanager
def in_sentences() -> Generator[None]:
    """End the command with a sentence where a training cannot go on.

    Raises:
        SystemExit: what is wrong; the last good checkpoint stands.
    """
    try:
        yield
    except FloatingPointError as error:
        raise SystemExit(f"{error} The last good checkpoint is kept; try a lower --lr.") from None
    except OSError as error:
        raise SystemExit(f"{error}. What was written before is whole.") from None
    except (ValueError, ChoraleError) as error:
        raise SystemExit(str(error)) from None
