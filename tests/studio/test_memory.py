"""The memory that networks may take, as the environment tells it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from graph.errors import ChoraleError
from graph.library import Library
from graph.machine import Machine
from graph.runtime import Runtime
from studio import piece
from studio.page import serve
from studio.session import Session


def test_the_variable_bounds_what_the_runtime_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piece, "MEMORY", "3M")
    assert piece._runtime.__wrapped__().memory == 3 * 2**20
    monkeypatch.setattr(piece, "MEMORY", None)
    assert piece._runtime.__wrapped__().memory is None


def test_what_is_no_number_of_bytes_is_said_before_the_page_opens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(piece, "MEMORY", "much")
    with pytest.raises(ChoraleError, match="R013 CHORALE_MEMORY got 'much'"):
        serve(Session())


def test_a_page_whose_opening_does_not_fit_opens_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    small = Runtime(
        Library(piece.MODELS, tmp_path), Machine(torch.device("cpu"), torch.float32), 2**20
    )
    monkeypatch.setattr(piece, "runtime", lambda: small)
    with caplog.at_level(logging.WARNING, "chorale"):
        Session().warm()
    assert "R012 The networks of this run take" in caplog.text
    assert "may be taken: playground/" in caplog.text
