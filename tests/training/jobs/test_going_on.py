"""A training that is stopped or killed goes on from its checkpoint as if it had not been."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.graph.classifiers import write_classifier
from tests.training.jobs.bench import Bench, at_step
from tests.training.jobs.test_command import ASKED as MODULATOR
from tests.training.jobs.test_guidance import ASKED as GUIDANCE
from training.guidance import GuidanceTraining
from training.modulators import ModulatorTraining

KINDS = [(MODULATOR, ModulatorTraining), (GUIDANCE, GuidanceTraining)]
EVERY_STEP = 1e-9
"""Minutes between checkpoints, so that each step leaves one."""


@pytest.fixture(params=KINDS, ids=["modulator", "guidance"])
def begun(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: Any,
) -> tuple[Bench, type[Any]]:
    """A training that can be begun, and what does its steps."""
    monkeypatch.setattr(os, "nice", lambda by: by)  # for this process it could not be taken back
    asked, training = request.param
    settings = {**asked["settings"], "validate_minutes": EVERY_STEP}
    bench = Bench(tmp_path, capsys, {**asked, "settings": settings, "steps": 5})
    write_classifier(bench.models / "playground/classifier", "resnet")
    return bench, training


def stopped(bench: Bench, training: type[Any]) -> None:
    """Asked to end in the midst of its third step, which it finishes."""
    with pytest.MonkeyPatch.context() as patch:
        at_step(patch, training, 2, lambda: os.kill(os.getpid(), signal.SIGTERM))
        status, events = bench.train()
    assert (status, events[-1]) == (130, {"event": "stopped", "step": 3})


def killed(bench: Bench, training: type[Any]) -> None:
    """Gone without a word when its fourth step is done and nothing of it is written."""
    assert bench.killed(3) == -signal.SIGKILL


@pytest.mark.parametrize("ended", [stopped, killed])
def test_a_training_goes_on_as_if_it_had_not_been_ended(
    begun: tuple[Bench, type[Any]], ended: Callable[[Bench, type[Any]], None]
) -> None:
    bench, training = begun
    bench.train()
    whole = bench.learned()
    for folder in (bench.models / "mine/tiny", bench.folder):
        folder.rename(folder.with_name("whole"))
    ended(bench, training)
    assert not (bench.models / "mine/tiny").exists()
    status, events = bench.train()
    assert status == 0
    assert [each["step"] for each in events if each["event"] == "started"] == [3]
    assert not any(each["event"] == "painted" for each in events)
    parts = bench.learned()
    assert all(torch.equal(part, whole[name]) for name, part in parts.items())
