"""On a GPU: half precision, recorded graphs and the bound on memory, where there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from graph.machine import Machine, usual_memory
from graph.speed import Speed
from tests.graph.experts import folders
from tests.graph.experts.alone import CPU, expert
from tests.graph.experts.test_stable_diffusion import SENTENCE, unit_noise
from tests.graph.test_speed import LEVEL

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]


def answered(folder: Path, machine: Machine) -> torch.Tensor:
    """What an expert says of a state, at its second call, on the CPU in float32."""
    who = expert(folder, machine)
    with torch.inference_mode():
        asked = [who.encode(SENTENCE)]
        x = unit_noise().to(machine.device)
        first = who.denoise(x, LEVEL, asked)
        second = who.denoise(2 * x, LEVEL, asked)
        assert not torch.equal(first, second)  # a graph's answer is not overwritten by the next
        return who.denoise(x, LEVEL, asked).cpu()


WORDS = ("", "compile", "graphs", "channels-last", "channels-last graphs")


@pytest.mark.parametrize("words", WORDS)
def test_a_gpu_answers_as_the_cpu_does(tmp_path: Path, words: str) -> None:
    folder = folders.stable_diffusion(tmp_path / "base")
    exact = Machine(torch.device("cuda"), torch.float32, speed=Speed(frozenset(words.split())))
    assert (answered(folder, exact) - answered(folder, CPU)).abs().max() <= 1e-3


def test_half_precision_is_near(tmp_path: Path) -> None:
    folder = folders.stable_diffusion(tmp_path / "base")
    best: Any = Machine.best()
    assert best.precision in (torch.bfloat16, torch.float16)
    assert (answered(folder, best) - answered(folder, CPU)).abs().max() <= 0.1


def test_four_fifths_of_a_card_are_the_usual_bound() -> None:
    free = torch.cuda.get_device_properties(0).total_memory
    assert usual_memory(torch.device("cuda:0")) == free * 4 // 5
