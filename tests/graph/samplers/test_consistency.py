"""Multistep consistency sampling: exact where the answer is the end of the path."""

from __future__ import annotations

import pytest
import torch

from graph.levels import CLEAN, NoiseLevel
from graph.samplers.consistency import Consistency
from tests.graph.exact import GaussianFlow

TARGET = GaussianFlow([-1.0, 2.0, 0.3], [0.25, 1.0, 4.0])


@pytest.mark.parametrize("noises", [[1.0], [1.0, 0.4], [1.0, 0.9, 0.5, 0.2, 0.05]], ids=len)
def test_samples_of_a_consistency_function_are_right_in_any_number_of_steps(
    noises: list[float],
) -> None:
    """The last picture is linear in the first noise and in every draw, so each is heard alone."""
    levels = [*map(NoiseLevel.from_noise, noises), CLEAN]

    def end(x: torch.Tensor, level: NoiseLevel) -> torch.Tensor:
        return TARGET.carry(x, level, CLEAN)

    def walked(*drawn: float) -> torch.Tensor:
        first, *later = [torch.full((3,), each, dtype=torch.float64) for each in drawn]
        fresh = iter(later)
        *_, last = Consistency()(end, first, levels, lambda: next(fresh))
        assert next(fresh, None) is None
        return last.x

    count = len(noises)
    mean = walked(*[0.0] * count)
    heard = [walked(*[float(i == k) for i in range(count)]) - mean for k in range(count)]
    variance = torch.stack(heard).square().sum(0)
    assert torch.allclose(mean, TARGET.mean, rtol=0, atol=1e-12)
    assert torch.allclose(variance, TARGET.variance, rtol=1e-12)


def test_it_says_that_no_noise_is_put_back() -> None:
    assert Consistency().renoised(NoiseLevel.from_noise(0.9), CLEAN) is None
