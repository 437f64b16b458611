"""From clean states to pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderDC, AutoencoderKL
from PIL import Image
from torch import Tensor

from graph.export.pieces.loading import load
from graph.export.pieces.settings import MODELS, PRECISION


@torch.no_grad()
def decode_deep(name: str, latents: Tensor) -> list[Image.Image]:
    """Latents [b, c, h, w] as pictures, by the deep autoencoder of a checkpoint."""
    vae = load(AutoencoderDC, MODELS / name / "vae")
    return pictures(vae.decode(latents.to(PRECISION) / vae.config.scaling_factor).sample)


@torch.no_grad()
def decode(name: str, latents: Tensor) -> list[Image.Image]:
    """Latents [b, c, h, w] as pictures, by the autoencoder of a checkpoint."""
    vae = load(AutoencoderKL, MODELS / name / "vae")
    shift = vae.config.shift_factor or 0.0
    return pictures(vae.decode(latents.to(PRECISION) / vae.config.scaling_factor + shift).sample)


def pictures(colours: Tensor) -> list[Image.Image]:
    """Colours [b, 3 or 1, h, w] between −1 and 1 as pictures."""
    colours = colours if colours.shape[1] == 3 else colours[:, :1].expand(-1, 3, -1, -1)
    rows = ((colours.float() * 0.5 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    return [Image.fromarray(row) for row in rows.movedim(1, -1).cpu().numpy()]


def colours_of(vae: Any, picture: Image.Image) -> Tensor:
    """A picture as colours [1, 3, h, w] between −1 and 1, as an autoencoder takes them."""
    rows = torch.from_numpy(np.array(picture.convert("RGB"))).movedim(-1, 0)[None]
    return rows.to(vae.device, vae.dtype) / 127.5 - 1.0


def latents_of(vae: Any, colours: Tensor) -> Tensor:
    """Colours as latents [1, c, h, w] in the autoencoder's own numbers: the mean of them."""
    return vae.encode(colours).latent_dist.mode()


def scaled_latents(vae: Any, colours: Tensor) -> Tensor:
    """The same with a variance of about one, as states have it."""
    shift = vae.config.shift_factor or 0.0
    return (latents_of(vae, colours) - shift) * vae.config.scaling_factor
