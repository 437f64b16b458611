"""Starting from a picture instead of noise alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from graph.export.pieces.settings import DEVICE


def places_of(region: Image.Image, factor: int) -> Tensor:
    """The places of a state that lie in a region, where it is white, [1, 1, h, w]."""
    white = torch.from_numpy(np.array(region.convert("L")) > 0)
    return white[None, None, ::factor, ::factor].to(DEVICE)


def state_of(codec: Any, picture: Image.Image) -> Tensor:
    """The clean state [1, c, h, w] that a picture is."""
    rows = torch.from_numpy(np.array(picture.convert("RGB"))).movedim(-1, 0)[None]
    return codec.latents(rows.to(DEVICE) / 127.5 - 1.0)
