"""The beta curves that discrete variance-preserving models are trained with."""

from __future__ import annotations

import math
from functools import cache
from itertools import accumulate
from operator import mul
from typing import Literal

BetaCurve = Literal["linear", "scaled_linear", "squaredcos_cap_v2"]


@cache
def alphas_cumprod(
    curve: BetaCurve, beta_start: float, beta_end: float, count: int, *, zero_snr: bool = False
) -> tuple[float, ...]:
    """Squared alphas at the times 0 … count − 1 of a model trained on `count` times.

    `linear` is the curve of DDPM (arXiv 2006.11239), `scaled_linear` that of latent diffusion
    (linear in √beta), `squaredcos_cap_v2` the cosine of Improved DDPM (arXiv 2102.09672, equation
    17, betas capped at 0.999), which reads neither end. The names are those of diffusers. With
    `zero_snr` the last is 0: √ of them all is shifted and stretched so that the first stays (arXiv
    2305.08891, algorithm 1).
    """
    ramp = [index / max(count - 1, 1) for index in range(count)]
    match curve:
        case "linear":
            betas = [beta_start + share * (beta_end - beta_start) for share in ramp]
        case "scaled_linear":
            low, high = math.sqrt(beta_start), math.sqrt(beta_end)
            betas = [(low + share * (high - low)) ** 2 for share in ramp]
        case "squaredcos_cap_v2":
            signal = [_cosine(index / count) for index in range(count + 1)]
            betas = [min(1.0 - signal[i + 1] / signal[i], 0.999) for i in range(count)]
    squares: tuple[float, ...] = tuple(accumulate((1.0 - beta for beta in betas), mul))
    return _ending_in_noise(squares) if zero_snr else squares


def _ending_in_noise(squares: tuple[float, ...]) -> tuple[float, ...]:
    first, last = math.sqrt(squares[0]), math.sqrt(squares[-1])
    return tuple(((math.sqrt(each) - last) / (first - last) * first) ** 2 for each in squares)


def _cosine(time: float) -> float:
    return math.cos((time + 0.008) / 1.008 * 0.5 * math.pi) ** 2
