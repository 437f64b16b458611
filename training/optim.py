"""The optimiser of every training: Muon for hidden matrices, AdamW for everything else."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
_OUTER = (
    *("conv_in", "conv_out", "quant_conv", "pos_embed", "proj_out"),
    *("embed", "shared", "table", "bias"),
)


def orthogonalise(update: Tensor, steps: int = 5) -> Tensor:
    """Map each matrix of a batch to one with the same singular vectors and singular values near 1.

    Quintic Newton-Schulz iteration, Jordan et al. 2024 (https://kellerjordan.github.io/posts/muon).

    Args:
        update: [k, rows, columns].
        steps: iterations; five bring every singular value into about 0.7 to 1.2.
    """
    a, b, c = _NEWTON_SCHULZ
    x = update.bfloat16()
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return (x.mT if tall else x).to(update.dtype)


def is_hidden_matrix(name: str, parameter: Tensor) -> bool:
    """Whether Muon fits: a matrix or kernel that is no input, no output and no table."""
    return parameter.ndim >= 2 and not any(part in name for part in _OUTER)


class MuonAdamW(torch.optim.Optimizer):
    """Muon on hidden matrices and AdamW on the rest, with one learning rate for both.

    A Muon update is scaled by 0.2·sqrt(max(rows, columns)), so that its root mean square is that of
    an AdamW update (Liu et al. 2025, arXiv 2502.16982). Matrices of one shape share their
    Newton-Schulz iteration. Convolutions count as matrices of shape [out, in·height·width].

    Args:
        named: the parameters with their names.
        lr: learning rate, changed by the training loop through `set_lr`.
        weight_decay: decoupled decay of the hidden matrices.
    """

    def __init__(
        self, named: Iterable[tuple[str, nn.Parameter]], lr: float, weight_decay: float = 0.01
    ) -> None:
        hidden: list[nn.Parameter] = []
        rest: list[nn.Parameter] = []
        for name, parameter in named:
            if parameter.requires_grad:
                (hidden if is_hidden_matrix(name, parameter) else rest).append(parameter)
        groups: list[dict[str, Any]] = [
            {"params": params, "muon": muon, "weight_decay": decay}
            for params, muon, decay in ((hidden, True, weight_decay), (rest, False, 0.0))
            if params
        ]
        super().__init__(groups, {"lr": lr, "momentum": 0.95, "betas": (0.9, 0.99), "eps": 1e-8})

    def set_lr(self, lr: float) -> None:
        """Use this learning rate from the next step on."""
        for group in self.param_groups:
            group["lr"] = lr

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            live = [p for p in group["params"] if p.grad is not None]
            (self._muon if group["muon"] else self._adamw)(group, live)

    def _muon(self, group: dict[str, Any], params: list[nn.Parameter]) -> None:
        by_shape: dict[tuple[int, int], list[nn.Parameter]] = {}
        for p in params:
            by_shape.setdefault((p.shape[0], p[0].numel()), []).append(p)
        for shape, members in by_shape.items():
            updates = torch.stack([self._nesterov(group, p).reshape(shape) for p in members])
            scale = 0.2 * max(shape) ** 0.5
            for p, update in zip(members, orthogonalise(updates), strict=True):
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(update.reshape(p.shape), alpha=-group["lr"] * scale)

    def _nesterov(self, group: dict[str, Any], p: nn.Parameter) -> Tensor:
        assert p.grad is not None
        state = self.state[p]
        if not state:
            state["momentum"] = torch.zeros_like(p)
        state["momentum"].lerp_(p.grad, 1 - group["momentum"])
        return p.grad.lerp(state["momentum"], group["momentum"])

    def _adamw(self, group: dict[str, Any], params: list[nn.Parameter]) -> None:
        first, second = group["betas"]
        for p in params:
            state = self.state[p]
            if not state:
                state.update(count=0, mean=torch.zeros_like(p), square=torch.zeros_like(p))
            state["count"] += 1
            assert p.grad is not None
            state["mean"].lerp_(p.grad, 1 - first)
            state["square"].mul_(second).addcmul_(p.grad, p.grad, value=1 - second)
            root = (state["square"] / (1 - second ** state["count"])).sqrt_().add_(group["eps"])
            p.addcdiv_(state["mean"], root, value=-group["lr"] / (1 - first ** state["count"]))


class Ema:
    """An exponential moving average of parameters that forgets its first steps quickly.

    The decay at step n is min(decay, (1 + n) / (10 + n)).
    """

    def __init__(self, parameters: Iterable[nn.Parameter], decay: float = 0.999) -> None:
        self.live = list(parameters)
        self.shadow = [p.detach().clone() for p in self.live]
        self.decay = decay
        self.count = 0

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the live parameters."""
        self.count += 1
        decay = min(self.decay, (1 + self.count) / (10 + self.count))
        torch._foreach_lerp_(self.shadow, [p.detach() for p in self.live], 1 - decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange average and live parameters; a second call undoes it."""
        for p, average in zip(self.live, self.shadow, strict=True):
            kept = p.detach().clone()
            p.copy_(average)
            average.copy_(kept)

    @torch.no_grad()
    def reset(self) -> None:
        """Start the average anew from the live parameters."""
        self.count = 0
        for p, average in zip(self.live, self.shadow, strict=True):
            average.copy_(p)

    def state(self) -> dict[str, Any]:
        """What a checkpoint must hold."""
        return {"shadow": self.shadow, "count": self.count}

    def load(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint's state."""
        self.count = state["count"]
        for average, saved in zip(self.shadow, state["shadow"], strict=True):
            average.copy_(saved)


def learning_rate(peak: float, step: int, progress: float, *, warmup: int, decay: float) -> float:
    """Warm up linearly over the first steps, stay, and fall linearly to zero over the last part.

    Args:
        peak: the highest rate.
        step: steps done in the whole training.
        progress: how much of this run's budget is used, 0 to 1.
        warmup: steps of the warm-up.
        decay: the share of the budget, at its end, over which the rate falls; 0 keeps it constant.
    """
    rise = min(1.0, (step + 1) / warmup)
    fall = 1.0 if decay == 0 else min(1.0, max(0.0, (1.0 - progress) / decay))
    return peak * rise * fall
