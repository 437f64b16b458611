"""The family that the documents show is one: it is loaded, asked and answers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch

from graph.levels import NoiseLevel
from graph.library import Library
from tests.graph.experts import folders
from tests.graph.experts.alone import CPU, expert
from tests.graph.experts.test_stable_diffusion import SENTENCE, unit_noise

PAGE = Path(__file__).parents[3] / "docs" / "family.md"


def test_the_file_in_the_documents_answers_as_stable_diffusion_does(tmp_path: Path) -> None:
    (text,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    shown: dict[str, Any] = {}
    exec(text, shown)
    folder = folders.stable_diffusion(tmp_path / "base")
    model = Library(tmp_path, tmp_path / "assets").model("base")
    example, known = shown["Example"].load(model, CPU), expert(folder)
    level, x = NoiseLevel.from_noise(0.6), unit_noise().repeat(2, 1, 1, 1)
    with torch.inference_mode():
        answers = [
            each.denoise(x, level, [each.encode(SENTENCE), each.encode(None)])
            for each in (example, known)
        ]
    assert torch.equal(*answers)
    assert example.canvas == known.canvas
    assert (answers[0][0] - answers[0][1]).abs().max() > 1e-3
