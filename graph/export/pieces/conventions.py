"""What networks answer, as the clean picture that is expected: D(x) = E[x0 | x].

The state is x = alpha·x0 + sigma·noise with alpha² + sigma² = 1. A network is asked at the time at
which it was trained on this ratio sigma/alpha, or on the nearest that it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from torch import Tensor

Network = Callable[[Tensor, float], Tensor]
Level = tuple[float, float]


def trained_times(alphas_cumprod: np.ndarray) -> Callable[[Level], tuple[float, float, float]]:
    """A level (alpha, sigma) as a network knows it: its alpha, its sigma and the time of these.

    Between two trained times the log of sigma/alpha is interpolated, as k-diffusion does.
    """
    with np.errstate(divide="ignore"):
        log_ratios = 0.5 * np.log((1 - alphas_cumprod) / alphas_cumprod)

    def native(level: Level) -> tuple[float, float, float]:
        alpha, sigma = level
        log_ratio = math.log(sigma / alpha) if alpha > 0 else math.inf
        log_ratio = min(max(log_ratio, log_ratios[0]), log_ratios[-1])
        time = len(log_ratios) - 1.0
        if log_ratio < log_ratios[-1]:
            time = float(np.interp(log_ratio, log_ratios, np.arange(len(log_ratios))))
        angle = math.atan(math.exp(log_ratio)) if log_ratio < 300 else math.pi / 2
        return math.cos(angle) if log_ratio < 300 else 0.0, math.sin(angle), time

    return native


def eps_prediction(alphas_cumprod: np.ndarray) -> Callable[[Network, Tensor, Level], Tensor]:
    """D of a network that answers the noise: D = (x − sigma·ε)/alpha."""
    native = trained_times(alphas_cumprod)

    def denoised(network: Network, x: Tensor, level: Level) -> Tensor:
        alpha, sigma, time = native(level)
        return (x - sigma * network(x, time)) / alpha

    return denoised


def v_prediction(alphas_cumprod: np.ndarray) -> Callable[[Network, Tensor, Level], Tensor]:
    """D of a network that answers v = alpha·noise − sigma·x0: D = alpha·x − sigma·v."""
    native = trained_times(alphas_cumprod)

    def denoised(network: Network, x: Tensor, level: Level) -> Tensor:
        alpha, sigma, time = native(level)
        return alpha * x - sigma * network(x, time)

    return denoised


def x0_prediction(alphas_cumprod: np.ndarray) -> Callable[[Network, Tensor, Level], Tensor]:
    """D of a network that answers it."""
    native = trained_times(alphas_cumprod)

    def denoised(network: Network, x: Tensor, level: Level) -> Tensor:
        return network(x, native(level)[2])

    return denoised


def flow_prediction(network: Network, x: Tensor, level: Level) -> Tensor:
    """D of a flow network, which answers noise − x0 at (1 − t)·x0 + t·noise and is fed 1000·t."""
    alpha, sigma = level
    state = x / (alpha + sigma)
    time = sigma / (alpha + sigma)
    return state - time * network(state, 1000 * time)
