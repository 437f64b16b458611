"""Experts with a vocabulary of their own know a word however it is capitalised."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from graph.checkpoints import load_expert
from graph.library import Library
from graph.machine import Machine
from tests.graph.experts import folders


@pytest.mark.parametrize(("vocabulary", "alike"), [(folders.WORDS, True), ((), False)])
def test_capitals_do_not_make_a_word_unknown(
    vocabulary: tuple[str, ...], alike: bool, tmp_path: Path
) -> None:
    card = {"condition": "text", "vocabulary": list(vocabulary)}
    folder = folders.pixart(tmp_path / "words", card=card)
    machine = Machine(torch.device("cpu"), torch.float32)
    expert = load_expert(folder.name, Library(tmp_path, tmp_path / "assets"), machine)
    with torch.inference_mode():
        loud: Any = expert.encode("A Red boat")
        plain: Any = expert.encode("a red boat")
    same = loud.words.shape == plain.words.shape and bool(torch.equal(loud.words, plain.words))
    assert same is alike
