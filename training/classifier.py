"""The Playground's classifier: a stock ResNet that tells scene kinds on clean renders."""

from typing import Any

from torch import Tensor
from torch.nn import functional as F
from transformers import ResNetConfig, ResNetForImageClassification

from training.onlooker import Task
from training.world import SCENE_KINDS, Pictures


def untrained(widths: tuple[int, ...]) -> Any:
    """The network with random weights, a class for every scene kind."""
    config = ResNetConfig(
        embedding_size=widths[0],
        hidden_sizes=list(widths),
        depths=[1] * len(widths),
        layer_type="basic",
        id2label=dict(enumerate(SCENE_KINDS)),
        label2id={name: number for number, name in enumerate(SCENE_KINDS)},
    )
    return ResNetForImageClassification(config)


def told(pictures: Pictures) -> Tensor:
    """The scene kind of every render, int64 [n]."""
    return pictures.scene_kind


def accuracy(logits: Tensor, kinds: Tensor) -> float:
    """The share of pictures whose kind is told."""
    return float((logits.argmax(1) == kinds).float().mean())


CLASSIFIER = Task(
    name="classifier",
    seed=41,
    widths=(32, 64, 128, 192),
    purpose="tells the twenty scene kinds of the Playground's world",
    pipeline="image-classification",
    measure="accuracy",
    untrained=untrained,
    told=told,
    loss=F.cross_entropy,
    score=accuracy,
)
