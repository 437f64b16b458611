"""Depth estimators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from graph.export.pieces.conventions import Level
from graph.export.pieces.maps import standardised
from graph.export.pieces.settings import DEVICE

NETWORKS = ("ForDepthEstimation",)


class DepthEstimator:
    """log p(depth map | picture), known up to scale and shift (arXiv 1907.01341); white is near.

    −½·1024·mean (z_answer − z_map)² of maps that are brought to mean 0 and variance 1.
    """

    def __init__(self, look: Any, codec: Any, depth: Path) -> None:
        self.look, self.codec = look, codec
        grey = np.array(Image.open(depth), dtype=np.float32) / 255
        self.depth = torch.from_numpy(grey).to(DEVICE)[None, None]
        config = look.network.config
        told = getattr(config, "depth_estimation_type", "relative")
        kinds = ("glpn", "tipsv2_dpt", "zoedepth")
        self.in_metres = told == "metric" or config.model_type in kinds

    def __call__(self, state: Tensor, level: Level) -> Tensor:
        """Of the picture of every state."""
        answer = self.look(self.codec.colours(state), level).predicted_depth.float()
        near = 1 / answer.clamp_min(1e-3) if self.in_metres else answer
        size = answer.shape[1:]
        aim = F.interpolate(self.depth, size, mode="bilinear", antialias=True, align_corners=False)
        return -512 * (standardised(near) - standardised(aim[0])).square().mean((1, 2))
