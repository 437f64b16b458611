"""The Playground's segmenter: a stock SegFormer that tells what lies where on clean renders."""

from typing import Any

from torch import Tensor
from torch.nn import functional as F
from transformers import SegformerConfig, SegformerForSemanticSegmentation

from training.judge.metrics import confusion, mean_iou, overlaps
from training.onlooker import Task
from training.world import CLASSES, Pictures

NAMES = tuple(each.name for each in CLASSES)


def untrained(widths: tuple[int, ...]) -> Any:
    """The network with random weights; it answers for every fourth pixel (arXiv 2105.15203).

    Heads of 32 channels, and half of the usual reductions: its pictures are small.
    """
    stages = len(widths)
    config = SegformerConfig(
        num_encoder_blocks=stages,
        depths=[2] * stages,
        sr_ratios=[4, 2, 1, 1][:stages],
        hidden_sizes=list(widths),
        num_attention_heads=[max(1, width // 32) for width in widths],
        patch_sizes=[7, 3, 3, 3][:stages],
        strides=[4, 2, 2, 2][:stages],
        mlp_ratios=[2] * stages,
        decoder_hidden_size=widths[-1],
        hidden_dropout_prob=0.0,
        classifier_dropout_prob=0.0,
        drop_path_rate=0.0,
        id2label=dict(enumerate(NAMES)),
        label2id={name: number for number, name in enumerate(NAMES)},
    )
    return SegformerForSemanticSegmentation(config)


def told(pictures: Pictures) -> Tensor:
    """The class of every pixel, int64 [n, 128, 128]."""
    return pictures.mask


def loss(logits: Tensor, mask: Tensor) -> Tensor:
    """Mean cross-entropy of every pixel, the answers drawn up to their number."""
    return F.cross_entropy(_drawn_up(logits, mask), mask)


def score(logits: Tensor, mask: Tensor) -> float:
    """Mean IoU over the classes, of all pixels together."""
    parts = zip(logits.split(64), mask.split(64), strict=True)
    tables = [
        overlaps(confusion(part, _drawn_up(answer, part).argmax(1), len(CLASSES))).sum(0)
        for answer, part in parts
    ]
    return float(mean_iou(sum(tables[1:], tables[0])))


def _drawn_up(logits: Tensor, mask: Tensor) -> Tensor:
    return F.interpolate(logits, mask.shape[-2:], mode="bilinear", align_corners=False)


SEGMENTER = Task(
    name="segmenter",
    seed=42,
    widths=(32, 64, 96, 128),
    purpose="tells what lies at every fourth pixel, in the classes of the Playground's masks",
    pipeline="image-segmentation",
    measure="mean IoU",
    untrained=untrained,
    told=told,
    loss=loss,
    score=score,
    palette=CLASSES,
)
