"""Small models of transformers that look at pictures, with random weights, in stock folders."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import save_file
from transformers import (
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    Dinov2Config,
    DPTConfig,
    DPTForDepthEstimation,
    GLPNConfig,
    GLPNForDepthEstimation,
    ResNetConfig,
    ResNetForImageClassification,
    SegformerConfig,
    SegformerForSemanticSegmentation,
    ViTConfig,
    ViTForImageClassification,
)

from graph.low_rank import untrained

LABELS = ("sea at night", "sea by day", "meadow by day")
MEAN, DEVIATION = [0.4, 0.5, 0.6], [0.2, 0.3, 0.25]


def network(kind: str = "resnet", labels: Sequence[str] = LABELS) -> Any:
    """A network of a few thousand parameters; the same weights every time."""
    torch.manual_seed(5)
    if kind in DEPTHS:
        return _lively(DEPTHS[kind]())
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


def _lively(found: Any) -> Any:
    """With weights so large that answers differ, and no rectifier shut at the end."""
    with torch.no_grad():
        for part in found.parameters():
            if part.ndim > 1:
                part.normal_(std=1.5 / part[0].numel() ** 0.5)
        last = list(found.head.parameters())[-1]
        last.fill_(3.0 * (last.ndim == 1))
    return found.eval()


def _dpt() -> Any:
    config = DPTConfig(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=32,
        patch_size=8,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
    )
    return DPTForDepthEstimation(config)


def _depth_anything() -> Any:
    backbone = Dinov2Config(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        mlp_ratio=2,
        image_size=32,
        patch_size=8,
        out_indices=[1, 2, 3, 4],
        reshape_hidden_states=False,
    )
    config = DepthAnythingConfig(
        backbone_config=backbone,
        patch_size=8,
        reassemble_hidden_size=16,
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        head_hidden_size=8,
    )
    return DepthAnythingForDepthEstimation(config)


def _glpn() -> Any:
    config = GLPNConfig(
        depths=[1, 1, 1, 1],
        hidden_sizes=[8, 8, 8, 8],
        num_attention_heads=[1, 1, 1, 1],
        mlp_ratios=[2, 2, 2, 2],
        decoder_hidden_size=8,
    )
    return GLPNForDepthEstimation(config)


DEPTHS = {"dpt": _dpt, "depth_anything": _depth_anything, "glpn": _glpn}


def write_classifier(
    folder: Path, kind: str = "resnet", *, labels: Sequence[str] = LABELS, **processing: Any
) -> Path:
    """The folder of a model for pictures of 32 pixels."""
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


def teach(
    folder: Path,
    edges: Sequence[float] = (-2.0, 2.0),
    *,
    loud: float = 0.2,
    **ranges: Any,
) -> list[dict[str, torch.Tensor]]:
    """Make a guidance expert of a model's folder; its adapters, of rank 1, one for each range."""
    (family,) = json.loads((folder / "config.json").read_text())["architectures"]
    learned = dict(getattr(transformers, family).from_pretrained(folder).named_parameters())
    generator = torch.Generator().manual_seed(9)
    adapters = [untrained(learned, 1, generator) for _ in range(len(edges) + 1)]
    for adapter in adapters:
        for name, part in adapter.items():
            if not name.endswith(".down"):
                part.copy_(loud * torch.randn(part.shape, generator=generator))
    save_file(
        {f"{n}.{name}": part for n, each in enumerate(adapters) for name, part in each.items()},
        folder / "adapters.safetensors",
    )
    told = {"edges": list(edges), "rank": 1, "sees": "state", "base": "playground/unconditional"}
    card = folder / "card.json"
    before = json.loads(card.read_text()) if card.is_file() else {}
    known = {**told, "base_hash": "0" * 16, "space_id": "pixels", **ranges}
    card.write_text(json.dumps(before | {"ranges": known}))
    return adapters
