"""Files that are held: by one at a time, and by nobody once the process is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from graph.held import held, holder

ROOT = Path(__file__).parents[2]


def test_a_file_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    lock = tmp_path / "deep" / "lock"
    assert holder(lock) is None
    with held(lock):
        assert holder(lock) == os.getpid()
        with pytest.raises(BlockingIOError), held(lock):
            pass
    assert holder(lock) is None
    with held(lock):
        assert holder(lock) == os.getpid()


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    script = f"""
import pathlib, sys, time
from graph.held import held
with held(pathlib.Path({str(lock)!r})):
    print("held", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"held\n"
        assert holder(lock) == other.pid
        other.send_signal(signal.SIGKILL)
        other.wait()
    assert holder(lock) is None
