"""The command `python app.py train`: it checks a training file, and trains."""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from graph.errors import ChoraleError, Diagnostic
from graph.held import held
from graph.shelves import Folders
from graph.writing import write_atomically
from training.jobs.config import Config, Read, read_config, refused
from training.jobs.stop import Stop
from training.jobs.telling import EVENTS, Teller

STOPPED = 130
KEPT = "config.json"
"""The training file as it was begun, in the folder of the training."""
CALM = 10
"""How far a training steps back behind what else runs on the machine."""


def main(argv: Sequence[str], models: Folders, jobs: Path) -> int:
    """Train as a file says; 0 at the end, 1 when something is wrong, 130 when it was stopped.

    `models` are the library's folders, `jobs` where trainings keep what they need to go on.
    """
    arguments = _parser().parse_args(argv)
    tell = Teller(None, as_json=arguments.json)
    try:
        read = read_config(arguments.config)
        if arguments.check:
            return _check(read, models, jobs, tell)
        folder = _own(read.config, jobs)
        with _alone(folder / "lock", read.config):
            tell = Teller(folder / EVENTS, as_json=arguments.json)
            write_atomically(folder / KEPT, read.absolute().encode())
            return _train(read, models, jobs, tell, arguments.parent)
    except ChoraleError as error:
        tell.failed(error.diagnostics)
    except FloatingPointError as error:
        why = f"{error} The training was stopped; the last good checkpoint is kept."
        tell.failed([Diagnostic("T006", why, "Try a lower settings.lr, from a new name.")])
    except OSError as error:
        file = f"{error.filename}: " if error.filename else ""
        why = f"A file could not be written: {file}{error.strerror}. The last checkpoint is kept."
        tell.failed([Diagnostic("T007", why, "Make room; the same command goes on from there.")])
    except MemoryError:
        tell.failed([Diagnostic("R005", "The memory is full.", "Try a smaller settings.batch.")])
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="app.py train", description=__doc__)
    parser.add_argument("config", metavar="CONFIG", type=Path, help="a training file, JSON")
    parser.add_argument("--check", action="store_true", help="check the material and train nothing")
    parser.add_argument("--json", action="store_true", help="one JSON event a line")
    parser.add_argument(
        "--parent", type=int, metavar="PID", help="stop when the process PID that asked is gone"
    )
    return parser


def _check(read: Read, models: Folders, jobs: Path, tell: Teller) -> int:
    from training.jobs.job import prepared

    tell("material", **prepared(read, models, jobs).check())
    return 0


def _train(read: Read, models: Folders, jobs: Path, tell: Teller, parent: int | None) -> int:
    import torch

    from training.jobs.job import Job

    if hasattr(os, "nice"):
        os.nice(CALM)
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // 2))
    with _stopping(parent) as stop:
        try:
            job = Job(read, models, jobs, tell, stop)
        except KeyboardInterrupt:
            tell("stopped", step=None)
            return STOPPED
        stop.patient = True
        return 0 if job.play() else STOPPED


def _own(config: Config, jobs: Path) -> Path:
    """The folder of a training; ChoraleError T015 if one of another kind has its name.

    Trainings of every kind end in one folder of the library.
    """
    folder = jobs / f"{config.kind}s" / config.name
    for other in jobs.glob(f"*/{config.name}/{KEPT}"):
        if other.parent != folder:
            raise refused(
                "T015",
                f"There is a training '{config.name}' already, among the "
                f"{other.parent.parent.name}.",
                "Choose another name.",
            )
    return folder


@contextmanager
def _alone(lock: Path, config: Config) -> Generator[None]:
    """Hold a training's folder; ChoraleError T008 if another process trains in it."""
    try:
        with held(lock):
            yield
    except BlockingIOError:
        raise refused(
            "T008",
            f"The training of '{config.name}' runs already, in another process.",
            "Wait for it, stop it, or choose another name.",
        ) from None


@contextmanager
def _stopping(parent: int | None) -> Generator[Stop]:
    """What Ctrl-C and SIGTERM set; a second Ctrl-C ends at once, at the last checkpoint.

    Before anything is learned each of them does: there is nothing that they could lose.
    """
    stop = Stop(parent)

    def ask(number: int, _: FrameType | None) -> None:
        if not stop.patient or (stop.asked and number == signal.SIGINT):
            raise KeyboardInterrupt
        stop.asked = True

    before = {each: signal.signal(each, ask) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
