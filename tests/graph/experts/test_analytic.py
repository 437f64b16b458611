from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graph.experts.gaussian import Gaussian
from graph.experts.mixture import Mixture
from graph.levels import CLEAN, PURE_NOISE, NoiseLevel

LEVELS = [PURE_NOISE, *(NoiseLevel.from_noise(noise) for noise in (0.99, 0.5, 0.02)), CLEAN]


def by_score(log_density: Tensor, x: Tensor, level: NoiseLevel) -> Tensor:
    """Tweedie's formula, E[x0 | x] = (x + sigma²·∇log p(x))/alpha, from the density itself."""
    (score,) = torch.autograd.grad(log_density.sum(), x)
    return ((x + level.sigma**2 * score) / level.alpha).detach()


def normal(x: Tensor, mean: Tensor, variance: Tensor, level: NoiseLevel) -> Tensor:
    spread = level.alpha**2 * variance + level.sigma**2
    return torch.distributions.Normal(level.alpha * mean, spread.sqrt()).log_prob(x).sum((1, 2))


def states(count: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(count, 2, 3, dtype=torch.float64, generator=generator)
    return x.requires_grad_()


@pytest.mark.parametrize("level", LEVELS[1:])
def test_gaussian_obeys_tweedie_with_shift_and_null(level: NoiseLevel) -> None:
    expert = Gaussian(
        (2, 3), (-1.0, 2.0, 0.5), 0.25, has_null=True, null_mean=1.0, null_variance=((4.0,), (2.0,))
    )
    x = states(3)
    row = torch.tensor([-1.0, 2.0, 0.5], dtype=torch.float64)
    narrow, broad = (
        torch.tensor(0.25, dtype=torch.float64),
        torch.tensor([[4.0], [2.0]], dtype=torch.float64),
    )
    conditions = [expert.encode(0.0), expert.encode((1.0, 0.0, -1.0)), expert.encode(None)]
    shift = torch.tensor([1.0, 0.0, -1.0], dtype=torch.float64)
    moments = [(row, narrow), (row + shift, narrow), (torch.ones(3, dtype=torch.float64), broad)]
    log_density = torch.cat([normal(x[i : i + 1], *each, level) for i, each in enumerate(moments)])
    expected = by_score(log_density, x, level)
    assert torch.allclose(expert.denoise(x.detach(), level, conditions), expected, atol=1e-9)


@pytest.mark.parametrize("level", LEVELS[1:])
def test_mixture_obeys_tweedie(level: NoiseLevel) -> None:
    means, variances, shares = [-1.0, (0.5, 2.0, 0.0), 3.0], [0.25, 1.0, (2.0, 0.1, 1.0)], [1, 2, 5]
    expert = Mixture((2, 3), means, variances, shares)
    x = states(4)
    chosen: list[list[int]] = [[0, 1, 2], [1], [0, 2], [2]]
    conditions = [expert.encode(value) for value in (None, 1, [0, 2], [2])]
    densities = []
    for index, heaps in enumerate(chosen):
        parts = [
            normal(
                x[index : index + 1],
                torch.tensor(means[k], dtype=torch.float64),
                torch.tensor(variances[k], dtype=torch.float64),
                level,
            )
            + torch.tensor(float(shares[k])).log()
            for k in heaps
        ]
        densities.append(torch.stack(parts).logsumexp(0))
    expected = by_score(torch.cat(densities), x, level)
    assert torch.allclose(expert.denoise(x.detach(), level, conditions), expected, atol=1e-9)


@pytest.mark.parametrize(
    "expert",
    [Gaussian((2, 3), 0.5, 2.0), Mixture((2, 3), [-1.0, 2.0], [0.5, 1.0], [0.25, 0.75])],
    ids=["gaussian", "mixture"],
)
def test_the_ends_are_the_prior_mean_and_the_state(expert: Gaussian | Mixture) -> None:
    x = states(2).detach()
    null = [expert.encode(None)] * 2
    prior = 0.5 if isinstance(expert, Gaussian) else 0.25 * -1.0 + 0.75 * 2.0
    assert torch.allclose(expert.denoise(x, PURE_NOISE, null), torch.full_like(x, prior))
    assert torch.allclose(expert.denoise(x, CLEAN, null), x)
    assert expert.denoise(x.float(), LEVELS[2], null).dtype == torch.float32


def test_a_gaussian_without_null_takes_no_condition_for_no_shift() -> None:
    expert = Gaussian((3,), 1.0, 0.5)
    x = torch.zeros(2, 3)
    level = LEVELS[2]
    answers = expert.denoise(x, level, [expert.encode(None), expert.encode(0.0)])
    assert torch.equal(answers[0], answers[1])
    assert not expert.has_null
    assert Mixture.has_null


def test_a_lopsided_mixture_is_refused() -> None:
    with pytest.raises(ValueError, match="got 2 means, 1 variances and 2 shares"):
        Mixture((1,), [0.0, 1.0], [1.0], [0.5, 0.5])


@pytest.mark.parametrize("level", LEVELS)
def test_densities_are_the_known_ones_under_conditions_and_null(level: NoiseLevel) -> None:
    x = states(2).detach()
    one = torch.ones((), dtype=torch.float64)
    gaussian = Gaussian((2, 3), -1.0, 0.25, has_null=True, null_mean=1.0, null_variance=4.0)
    shifted = normal(x[:1], -0.5 * one, 0.25 * one, level)
    null = normal(x[1:], one, 4 * one, level)
    told = gaussian.log_density(x.float(), level, [gaussian.encode(0.5), gaussian.encode(None)])
    assert told.dtype == torch.float64
    assert torch.allclose(told, torch.cat([shifted, null]), rtol=1e-5)
    mixture = Mixture((2, 3), [-1.0, 2.0, 0.0], [0.25, 1.0, 2.0], [1.0, 2.0, 5.0])
    heaps = [normal(x, m * one, v * one, level) for m, v in ((-1.0, 0.25), (2.0, 1.0), (0.0, 2.0))]
    everyone = sum(s / 8 * heap.exp() for s, heap in zip((1, 2, 5), heaps, strict=True)).log()
    chosen = (heaps[0].exp() / 3 + 2 * heaps[1].exp() / 3).log()
    told = mixture.log_density(x, level, [mixture.encode(None), mixture.encode([0, 1])])
    assert torch.allclose(told, torch.stack([everyone[0], chosen[1]]), rtol=1e-9)
