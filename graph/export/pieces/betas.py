"""The signal that is left at every trained time: alpha² = Π (1 − beta)."""

from __future__ import annotations

import numpy as np


def linear(count: int, first: float, last: float) -> np.ndarray:
    """alpha² on betas that rise evenly (Ho et al., arXiv 2006.11239)."""
    return np.cumprod(1 - np.linspace(first, last, count))


def scaled_linear(count: int, first: float, last: float) -> np.ndarray:
    """alpha² on betas whose root rises evenly, as in latent diffusion."""
    return np.cumprod(1 - np.linspace(first**0.5, last**0.5, count) ** 2)


def squared_cosine(count: int) -> np.ndarray:
    """alpha² that falls as a squared cosine (Nichol and Dhariwal, arXiv 2102.09672, eq. 17)."""
    signal = np.cos((np.arange(count + 1) / count + 0.008) / 1.008 * np.pi / 2) ** 2
    return np.cumprod(1 - np.minimum(1 - signal[1:] / signal[:-1], 0.999))


def ending_in_noise(alphas_cumprod: np.ndarray) -> np.ndarray:
    """The same with zero terminal SNR (Lin et al., arXiv 2305.08891, algorithm 1)."""
    alphas = np.sqrt(alphas_cumprod)
    return ((alphas - alphas[-1]) / (alphas[0] - alphas[-1]) * alphas[0]) ** 2
