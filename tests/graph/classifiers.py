"""Small models of transformers that look at pictures, with random weights, in stock folders."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import (
    ResNetConfig,
    ResNetForImageClassification,
    SegformerConfig,
    SegformerForSemanticSegmentation,
    ViTConfig,
    ViTForImageClassification,
)

LABELS = ("sea at night", "sea by day", "meadow by day")
MEAN, DEVIATION = [0.4, 0.5, 0.6], [0.2, 0.3, 0.25]


def network(kind: str = "resnet", labels: Sequence[str] = LABELS) -> Any:
    """A network of a few thousand parameters; the same weights every time."""
    torch.manual_seed(5)
    named = {"id2label": dict(enumerate(labels))}
    if kind == "resnet":
        config: Any = ResNetConfig(
            embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", **named
        )
        return ResNetForImageClassification(config).eval()
    if kind == "segformer":
        config = SegformerConfig(
            num_encoder_blocks=2,
            depths=[1, 1],
            sr_ratios=[2, 1],
            hidden_sizes=[8, 16],
            num_attention_heads=[1, 2],
            patch_sizes=[7, 3],
            strides=[4, 2],
            mlp_ratios=[2, 2],
            decoder_hidden_size=16,
            **named,
        )
        return SegformerForSemanticSegmentation(config).eval()
    config = ViTConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=32,
        patch_size=8,
        **named,
    )
    return ViTForImageClassification(config).eval()


def write_classifier(
    folder: Path, kind: str = "resnet", *, labels: Sequence[str] = LABELS, **processing: Any
) -> Path:
    """A classifier's folder for pictures of 32 pixels."""
    network(kind, labels).save_pretrained(folder)
    told = {
        "image_processor_type": "ViTImageProcessor",
        "do_resize": True,
        "size": {"height": 32, "width": 32},
        "resample": 2,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": MEAN,
        "image_std": DEVIATION,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps({**told, **processing}))
    return folder


def reconfigure(folder: Path, **changes: Any) -> None:
    """Change a folder's config.json."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
