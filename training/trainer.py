"""One optimisation step and one checkpoint, shared by all trainings."""

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training.budget import load_checkpoint, save_atomically
from training.optim import Ema, MuonAdamW, learning_rate


class Trainer:
    """Parameters with their optimiser, average and step count, resumable bit for bit.

    Args:
        model: what is trained; frozen parameters are left alone.
        checkpoint: where the state is kept.
        lr: peak learning rate.
        ema: decay of the average.
        warmup: steps over which the rate rises.
        decay: share of a budget, at its end, over which the rate falls to zero.
    """

    def __init__(
        self,
        model: nn.Module,
        checkpoint: Path,
        *,
        lr: float,
        ema: float,
        warmup: int = 50,
        decay: float = 0.6,
    ) -> None:
        self.model, self.checkpoint = model, checkpoint
        self.lr, self.warmup, self.decay = lr, warmup, decay
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.optimiser = MuonAdamW(model.named_parameters(), lr)
        self.ema = Ema(self.parameters, ema)
        self.step = 0
        self.examples = 0

    def resume(self) -> bool:
        """Continue from the checkpoint if there is one, and say whether there was."""
        saved = load_checkpoint(self.checkpoint)
        if saved is None:
            return False
        self.model.load_state_dict(saved["model"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.ema.load(saved["ema"])
        self.step = saved["step"]
        self.examples = saved["examples"]
        return True

    def save(self) -> None:
        """Write the checkpoint."""
        state: dict[str, Any] = {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "ema": self.ema.state(),
            "step": self.step,
            "examples": self.examples,
        }
        save_atomically(state, self.checkpoint)

    def apply(self, loss: Tensor, progress: float) -> float:
        """Descend along a loss and return its value.

        Raises:
            FloatingPointError: the loss is not finite.
        """
        loss.backward()
        self.reduce()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise FloatingPointError(f"The loss is {value} at step {self.step}.")
        rate = learning_rate(self.lr, self.step, progress, warmup=self.warmup, decay=self.decay)
        self.optimiser.set_lr(rate)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.ema.update()
        self.step += 1
        return value

    def reduce(self) -> None:
        """Average gradients over processes; a training with several overrides this."""
