"""An expert for a mixture of Gaussians."""

from __future__ import annotations

import torch
from torch import Tensor

from graph.export.pieces.conventions import Level


class Mixture:
    """Knows that clean samples come from a few Gaussian heaps, each with a mean and variances.

    With s_k = alpha²·v_k + sigma², E[x0 | x] = Σ r_k·(m_k + alpha·v_k/s_k·(x − alpha·m_k)), where
    r_k ∝ share_k·N(x; alpha·m_k, s_k).
    """

    def __init__(self, means: tuple, variances: tuple, shares: tuple) -> None:
        self.means, self.variances, self.shares = means, variances, shares

    def __call__(self, x: Tensor, level: Level) -> Tensor:
        """D(x)."""
        logs, clean = self.heaps(x, level)
        parts = logs.softmax(1).reshape(*logs.shape, *(1,) * (x.ndim - 1))
        return (parts * clean).sum(1)

    def log_density(self, x: Tensor, level: Level) -> Tensor:
        """log Σ share_k·N(x; alpha·m_k, s_k) but for a constant, [b, 1, …]."""
        logs = self.heaps(x.double(), level)[0].logsumexp(1)
        return logs.reshape(-1, *(1,) * (x.ndim - 1))

    def heaps(self, x: Tensor, level: Level) -> tuple[Tensor, Tensor]:
        """Of every heap log share_k·N but for a constant, [b, k], and E[x0 | x], [b, k, …]."""
        alpha, sigma = level
        means, variances = x.new_tensor(self.means), x.new_tensor(self.variances)
        spread = alpha**2 * variances + sigma**2
        off = x.unsqueeze(1) - alpha * means
        logs = -0.5 * (off**2 / spread + spread.log()).flatten(2).sum(2)
        shares = torch.tensor(self.shares, dtype=torch.float64).log().to(x)
        return shares + logs, means + alpha * variances / spread * off
