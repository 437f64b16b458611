from dataclasses import dataclass

import pytest
import torch

from graph.interfaces import Expert
from training.judge.ensemble import Cast
from training.judge.network import Judge, Shape

SHAPE = (3, 128, 128)


@dataclass
class Knows(Expert):
    """Knows the picture it is told exactly; without a condition it expects grey."""

    asked = 0

    def encode(self, value):
        if value is None:
            return torch.zeros(SHAPE)
        if isinstance(value, dict):
            value = value[min(value)]
        if isinstance(value, str):
            return torch.full(SHAPE, len(value) / 100)
        rows = torch.frombuffer(bytearray(value.tobytes()), dtype=torch.uint8)
        return rows.reshape(128, 128, 3).movedim(-1, 0) / 127.5 - 1

    def denoise(self, x, level, conditions):
        self.asked += len(x)
        return torch.stack(list(conditions))


@pytest.fixture
def cast():
    names = ("text", "class", "mask", "sketch", "unconditional", "joint")
    return Cast({name: Knows() for name in names}, SHAPE)


@pytest.fixture
def tiny_judge():
    torch.manual_seed(0)
    judge = Judge(Shape(half=8, quarter=8, eighth=8, sixteenth=8, features=8))
    return judge.eval().requires_grad_(False)
