"""Image classifiers."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from graph.export.pieces.conventions import Level

NETWORKS = ("ForImageClassification",)


class Classifier:
    """log p(class | picture), by the softmax of an image classifier."""

    def __init__(self, look: Any, codec: Any, target: int) -> None:
        self.look, self.codec, self.target = look, codec, target

    def __call__(self, state: Tensor, level: Level) -> Tensor:
        """Of the picture of every state."""
        logits = self.look(self.codec.colours(state), level).logits.float()
        return logits.log_softmax(1)[:, self.target]
