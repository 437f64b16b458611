"""From clean states to pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL
from PIL import Image
from torch import Tensor

from graph.export.pieces.loading import load
from graph.export.pieces.settings import MODELS, PRECISION


@torch.no_grad()
def decode(name: str, latents: Tensor) -> list[Image.Image]:
    """Latents [b, c, h, w] as pictures, by the autoencoder of a checkpoint."""
    vae = load(AutoencoderKL, MODELS / name / "vae")
    shift = vae.config.shift_factor or 0.0
    return pictures(vae.decode(latents.to(PRECISION) / vae.config.scaling_factor + shift).sample)


def pictures(colours: Tensor) -> list[Image.Image]:
    """Colours [b, 3 or 1, h, w] between −1 and 1 as pictures."""
    colours = colours.float().expand(-1, 3, -1, -1)
    rows = ((colours * 0.5 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    return [Image.fromarray(row) for row in rows.movedim(1, -1).cpu().numpy()]


@torch.no_grad()
def encoded(vae: Any, picture: Image.Image) -> Tensor:
    """A picture as latents [c, h, w]: the mean of what the autoencoder knows of it."""
    rows = torch.from_numpy(np.array(picture.convert("RGB"))).movedim(-1, 0)[None]
    colours = (rows / 127.5 - 1.0).to(vae.device, vae.dtype)
    shift = vae.config.shift_factor or 0.0
    return (vae.encode(colours).latent_dist.mode()[0] - shift) * vae.config.scaling_factor
