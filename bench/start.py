"""How long a person waits: importing, the command line from cold, the page, and memory."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from bench.browser import served
from bench.timing import Row, seconds
from studio.piece import ROOT, WORKFLOWS


def rows() -> Iterator[Row]:
    """Cold run, page, imports and peak memory, each in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["app.py", "run", str(WORKFLOWS / "first-light.json"), "--out", folder]
        cold = seconds(lambda: _python(*command))
        yield Row("cold `python app.py run`, first-light", cold, "s", "≤ 15")
        peak = _python(
            "-c",
            "import resource, sys; from studio.cli import main; "
            f"main({command[1:]!r}); "
            "print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)",
        )
    kilobytes = int(re.findall(r"peak (\d+)", peak)[0])
    yield Row("peak memory of that run", kilobytes / 2**20, "GiB", "reported")
    yield Row("`import app`", seconds(lambda: _python("-c", "import app")), "s", "no torch")
    yield Row("page answers after start", _page(), "s", "≤ 5")


def _python(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return done.stdout


def _page() -> float:
    began = time.perf_counter()
    with served():
        return time.perf_counter() - began
