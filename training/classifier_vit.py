"""The Playground's second classifier: a stock ViT that tells scene kinds on clean renders."""

from dataclasses import replace
from typing import Any

from transformers import ViTConfig, ViTForImageClassification

from training.classifier import CLASSIFIER
from training.world import SCENE_KINDS, SIZE


def untrained(widths: tuple[int, ...]) -> Any:
    """The network with random weights, a layer for every width, of which the last is everybody's.

    Its patches have 16 pixels a side (arXiv 2010.11929).
    """
    width = widths[-1]
    config = ViTConfig(
        image_size=SIZE,
        patch_size=16,
        hidden_size=width,
        num_hidden_layers=len(widths),
        num_attention_heads=max(1, width // 32),
        intermediate_size=2 * width,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        id2label=dict(enumerate(SCENE_KINDS)),
        label2id={name: number for number, name in enumerate(SCENE_KINDS)},
    )
    return ViTForImageClassification(config)


CLASSIFIER_VIT = replace(
    CLASSIFIER, name="classifier-vit", seed=44, widths=(128,) * 6, untrained=untrained
)
