"""Segmentation models of transformers as likelihoods: log p(mask | picture)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import torch
from PIL import Image
from torch import Tensor
from transformers import AutoModelForSemanticSegmentation

from graph.companions import SEGMENTER, Companion, guidance_card
from graph.interfaces import Likelihood
from graph.levels import CLEAN, NoiseLevel
from graph.machine import Machine
from graph.onlookers import Onlooker
from graph.palettes import MaskClass
from graph.pictures import fit, quantise

if TYPE_CHECKING:
    from jaxtyping import Float, Int


class Segmenter(Likelihood):
    """Any semantic segmentation model of transformers: log p(mask | picture) by its softmaxes.

    Its answers, one for every place of its own map, count as independent:
    log p = Σ_places Σ_classes share·log softmax, where `share` is how much of the place the mask
    paints with the class. A place that is finer than the mask's pixels may have none, and no say.
    """

    networks: ClassVar[tuple[str, ...]] = (SEGMENTER,)

    def __init__(self, onlooker: Onlooker, palette: Sequence[MaskClass]) -> None:
        self.onlooker = onlooker
        self._palette = tuple(palette)
        self.canvas = onlooker.sight.canvas

    @classmethod
    def load(cls, companion: Companion, machine: Machine) -> Segmenter:
        """Load the network of a folder."""
        onlooker = Onlooker.open(companion, AutoModelForSemanticSegmentation, machine)
        return cls(onlooker, guidance_card(companion).palette)

    def encode(self, value: Image.Image) -> Int[Tensor, "h w"]:
        """The class of every pixel of a painted mask, by the nearest colour of the palette."""
        fitted = fit(value, self.canvas or value.size, sharp=True)
        return torch.from_numpy(quantise(fitted, self._palette)).to(self.onlooker.network.device)

    def read(
        self, pictures: Float[Tensor, "b c h w"], level: NoiseLevel = CLEAN
    ) -> Float[Tensor, "b k v u"]:
        """The logits, as many a side as the network has places."""
        return self.onlooker.logits(pictures, level)

    def log_density(
        self, answer: Float[Tensor, "b k v u"], targets: Sequence[Int[Tensor, "_ _"]]
    ) -> Float[Tensor, "b"]:
        """The sum of every place's cross-entropy, negative."""
        shares = torch.stack([_shares(mask, answer[i]) for i, mask in enumerate(targets)])
        return (shares * answer.log_softmax(1)).sum((1, 2, 3))

    def divergence(
        self, answer: Float[Tensor, "b k v u"], teacher: Float[Tensor, "b k v u"]
    ) -> Float[Tensor, "b"]:
        """The mean over the places of KL(softmax(teacher) ‖ softmax(answer))."""
        told = teacher.log_softmax(1)
        return (told.exp() * (told - answer.log_softmax(1))).sum(1).mean((1, 2))


def _shares(mask: Tensor, answer: Tensor) -> Tensor:
    """How much of every place is painted with each class, [k, v, u]."""
    height, width = answer.shape[-2:]
    rows, columns = (
        torch.arange(side, device=mask.device) * count // side
        for side, count in zip(mask.shape, (height, width), strict=True)
    )
    place = rows[:, None] * width + columns
    numbered = (mask * (height * width) + place).flatten()
    counts = torch.bincount(numbered, minlength=answer.numel()).reshape(answer.shape)
    return counts.to(answer) / counts.sum(0).clamp_min(1)
