"""Image classifiers of transformers as likelihoods: log p(class | picture)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import torch
from transformers import AutoModelForImageClassification

from graph.companions import CLASSIFIER, Companion, guidance_card
from graph.errors import ChoraleError, Diagnostic
from graph.interfaces import Likelihood
from graph.levels import CLEAN, NoiseLevel
from graph.machine import Machine
from graph.onlookers import Onlooker

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

TEMPERATURE = 0.25


class Classifier(Likelihood):
    """Any image classifier of transformers: log p(class | picture) by its softmax."""

    networks: ClassVar[tuple[str, ...]] = (CLASSIFIER,)

    def __init__(self, onlooker: Onlooker, labels: Sequence[str]) -> None:
        self.onlooker = onlooker
        self._labels = tuple(labels)

    @classmethod
    def load(cls, companion: Companion, machine: Machine) -> Classifier:
        """Load the network of a folder."""
        onlooker = Onlooker.open(companion, AutoModelForImageClassification, machine)
        return cls(onlooker, guidance_card(companion).labels)

    def encode(self, value: str) -> int:
        """The number of a class; ChoraleError M021 for one that it does not know."""
        if value in self._labels:
            return self._labels.index(value)
        known = ", ".join(self._labels[:20])
        raise ChoraleError(
            Diagnostic(
                "M021",
                f"This model has no class named '{value}'. It has: {known}.",
                "Choose one of them.",
            )
        )

    def read(
        self, pictures: Float[Tensor, "b c h w"], level: NoiseLevel = CLEAN
    ) -> Float[Tensor, "b k"]:
        """The logits."""
        return self.onlooker.logits(pictures, level)

    def log_density(
        self, answer: Float[Tensor, "b k"], targets: Sequence[int]
    ) -> Float[Tensor, "b"]:
        """The logarithm of each target's probability."""
        chosen = torch.tensor(list(targets), device=answer.device)
        return answer.log_softmax(1).gather(1, chosen[:, None])[:, 0]

    def divergence(
        self, answer: Float[Tensor, "b k"], teacher: Float[Tensor, "b k"]
    ) -> Float[Tensor, "b"]:
        """KL(softmax(teacher/TEMPERATURE) ‖ softmax(answer)): the teacher's mind, made up."""
        told = (teacher / TEMPERATURE).log_softmax(1)
        return (told.exp() * (told - answer.log_softmax(1))).sum(1)
