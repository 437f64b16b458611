"""Where there is nobody to measure, every command of the judge says so and fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from training import judge
from training.judge import opening


@pytest.mark.parametrize("study", ["", *judge.STUDIES])
def test_without_experts_a_command_says_what_makes_them(
    study: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(opening.open_bench, "__defaults__", (None, tmp_path))
    assert judge.main([study] if study else []) == 1
    said = capsys.readouterr().out
    assert "There is no expert" in said
    assert "python -m training all" in said
