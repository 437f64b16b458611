"""An expert for a mixture of Gaussians."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from graph.background import wide
from graph.interfaces import Expert
from graph.levels import NoiseLevel

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

Values = float | Sequence["Values"]


@dataclass(frozen=True)
class Mixture(Expert):
    """Knows that clean samples come from a few Gaussian heaps: exact, with classes and a null.

    Heap k has mean `means`[k] and variance `variances`[k] > 0, which broadcast to `shape`, and the
    share `shares`[k]. A condition is a heap's number or several; none, which is the null condition
    where it `has_null`, is them all.
    With s_k = alpha²·v_k + sigma², E[x0 | x] = Σ r_k·(m_k + alpha·v_k/s_k·(x − alpha·m_k)), where
    r_k ∝ share_k·N(x; alpha·m_k, s_k) over all dimensions of a sample.
    """

    shape: tuple[int, ...]
    means: Sequence[Values]
    variances: Sequence[Values]
    shares: Sequence[float]
    has_null: bool = True

    def __post_init__(self) -> None:
        sizes = len(self.means), len(self.variances), len(self.shares)
        if len(set(sizes)) != 1 or not self.means:
            raise ValueError(
                "A mixture needs as many means as variances and shares, and one at least; "
                f"got {sizes[0]} means, {sizes[1]} variances and {sizes[2]} shares."
            )

    def encode(self, value: int | Sequence[int] | None) -> Tensor:
        """The log shares of the chosen heaps, −inf for the others, float64 [k]."""
        shares = torch.tensor(self.shares, dtype=torch.float64)
        if value is None:
            return shares.log()
        chosen = torch.zeros_like(shares)
        chosen[torch.as_tensor(value)] = 1.0
        return (shares * chosen).log()

    def denoise(
        self, x: Float[Tensor, "n *d"], level: NoiseLevel, conditions: Sequence[Any]
    ) -> Float[Tensor, "n *d"]:
        """The exact posterior mean of every sample."""
        logs, estimates = self._heaps(x, level, conditions)
        heaps = logs.softmax(1).reshape(*logs.shape, *[1] * (x.ndim - 1))
        return (heaps * estimates).sum(1)

    def log_density(
        self, x: Float[Tensor, "n *d"], level: NoiseLevel, conditions: Sequence[Any]
    ) -> Float[Tensor, "n"]:
        """log Σ share_k·N(x; alpha·m_k, s_k), the shares of the chosen heaps summing to one."""
        logs, _ = self._heaps(wide(x), level, conditions)
        chosen = _rows(conditions, logs)
        constant = 0.5 * x[0].numel() * math.log(2.0 * math.pi)
        return logs.logsumexp(1) - chosen.logsumexp(1) - constant

    def _heaps(
        self, x: Tensor, level: NoiseLevel, conditions: Sequence[Any]
    ) -> tuple[Tensor, Tensor]:
        """Of every heap log share_k·N, [n, k] without (2π)^−d/2, and its estimate, [n, k, *d]."""
        means = torch.stack([x.new_tensor(mean).expand(self.shape) for mean in self.means])
        variances = torch.stack([x.new_tensor(v).expand(self.shape) for v in self.variances])
        spread = level.alpha**2 * variances + level.sigma**2
        off = x.unsqueeze(1) - level.alpha * means
        log_normal = -0.5 * (off**2 / spread + spread.log()).flatten(2).sum(2)
        return _rows(conditions, x) + log_normal, means + level.alpha * variances / spread * off


def _rows(conditions: Sequence[Tensor], like: Tensor) -> Tensor:
    """The log shares that are asked for, [n, k]; [1, k] where all samples ask for the same."""
    one = conditions[0]
    if all(each is one for each in conditions):  # many points at once: stacking them is slow
        return one.to(like)[None]
    return torch.stack([condition.to(like) for condition in conditions])
