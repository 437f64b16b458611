"""The Playground's depth model: a stock DPT that tells what is near on clean renders."""

from typing import Any, cast

from torch import Tensor, nn
from torch.nn import functional as F
from transformers import DPTConfig, DPTForDepthEstimation, Swinv2Config

from training.onlooker import Task
from training.world import SIZE, Pictures

FAR = 1.0
"""What stands for endlessly far: such models tell nearness up to a scale and a shift, and at zero
the network's last rectifier would have no slope that guidance could follow."""


def untrained(widths: tuple[int, ...]) -> Any:
    """The network with random weights, on windows of a Swin Transformer (arXiv 2103.13413).

    A stage for every width; the first counts, as each stage is twice as wide as the one before. The
    first answer is halfway between far and near.
    """
    stages = [widths[0] * 2**number for number in range(len(widths))]
    backbone: Any = cast("Any", Swinv2Config)(
        image_size=SIZE,
        patch_size=4,
        embed_dim=stages[0],
        depths=[*(2 for _ in stages[1:]), 1],
        num_heads=[max(1, width // 24) for width in stages],
        window_size=4,
        mlp_ratio=2.0,
        drop_path_rate=0.0,
        out_features=[f"stage{number + 1}" for number in range(len(stages))],
    )
    config = DPTConfig(
        backbone_config=backbone,
        neck_hidden_sizes=stages,
        fusion_hidden_size=stages[0],
        use_batch_norm_in_fusion_residual=False,
        use_bias_in_fusion_residual=True,
    )
    network = DPTForDepthEstimation(config)
    nn.init.constant_(network.head.head[-2].bias, FAR + 0.5)
    return network


def told(pictures: Pictures) -> Tensor:
    """How near every pixel is, float32 [n, 128, 128]: 1 is endlessly far, 2 is nearest."""
    return pictures.depth[:, 0] + FAR


def explained(answers: Tensor, depths: Tensor) -> float:
    """The share of the variance that is told, up to a scale and a shift: mean squared correlation.

    Maps [n, h, w].
    """
    said, known = (
        each.flatten(1) - each.flatten(1).mean(1, keepdim=True) for each in (answers, depths)
    )
    return float(F.cosine_similarity(said, known, dim=1).square().mean())


DEPTH = Task(
    name="depth",
    seed=43,
    widths=(24, 48, 96, 192),
    purpose="tells how near every pixel is",
    pipeline="depth-estimation",
    measure="explained variance",
    answer="predicted_depth",
    untrained=untrained,
    told=told,
    loss=F.mse_loss,
    score=explained,
)
