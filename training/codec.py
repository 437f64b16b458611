"""The Playground autoencoders: their shape, their latents and their linear preview."""

from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from graph.fitting import linear
from training.precision import halved
from training.spaces import PICTURE_SIZE, PLAYGROUND, PREVIEW_SIZE, Space

PREVIEW_WINDOW = 3


def build(space: Space = PLAYGROUND) -> AutoencoderKL:
    """Make an untrained autoencoder of 128×128 pictures.

    No attention in the middle, so that encoder and decoder stay translation equivariant.
    """
    channels = space.widths
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * len(channels),
        up_block_types=("UpDecoderBlock2D",) * len(channels),
        block_out_channels=channels,
        layers_per_block=1,
        latent_channels=space.channels,
        norm_num_groups=8,
        sample_size=PICTURE_SIZE,
        scaling_factor=1.0,
        mid_block_add_attention=False,
    )


def open_frozen(folder: Path) -> AutoencoderKL:
    """Open a stored autoencoder for use: float32, evaluation mode, no gradients."""
    vae: Any = AutoencoderKL.from_pretrained(
        folder, torch_dtype=torch.float32, low_cpu_mem_usage=False
    )
    return vae.eval().requires_grad_(False)


@torch.no_grad()
def encode(vae: AutoencoderKL, pictures: Tensor, batch: int = 32, half: bool = True) -> Tensor:
    """Encode pictures [n, 3, 128, 128] in [0, 1] to the mean latents [n, c, h, w], float32.

    With `half`, products run in bfloat16 where that is quicker, exact to about one part in 200.
    """
    model: Any = vae
    parts: list[Tensor] = []
    for part in pictures.split(batch):
        with halved(part.device.type, wanted=half):
            parts.append(model.encode(part * 2 - 1).latent_dist.mode().float())
    return torch.cat(parts) * model.config.scaling_factor


@torch.no_grad()
def decode(vae: AutoencoderKL, latents: Tensor, batch: int = 32) -> Tensor:
    """Decode latents [n, c, h, w] to pictures [n, 3, 128, 128] in [0, 1]."""
    model: Any = vae
    parts: list[Tensor] = []
    for part in latents.split(batch):
        with halved(part.device.type):
            parts.append(model.decode(part / model.config.scaling_factor).sample.float())
    return (torch.cat(parts) / 2 + 0.5).clamp(0, 1)


@torch.no_grad()
def standardise(vae: AutoencoderKL, pictures: Tensor) -> None:
    """Fold each channel's mean and deviation into the 1×1 convolutions around the latent.

    Afterwards the latents of such pictures have mean 0 and deviation 1 in every channel, pictures
    decode as before, and `scaling_factor` is 1: any pipeline of diffusers gets it right.
    """
    model: Any = vae
    latents = encode(vae, pictures, half=False)
    mean, deviation = latents.mean(dim=(0, 2, 3)), latents.std(dim=(0, 2, 3))
    quant, post = model.quant_conv, model.post_quant_conv
    channels = model.config.latent_channels
    post.bias += post.weight[:, :, 0, 0] @ mean
    post.weight *= deviation[None, :, None, None]
    quant.weight[:channels] /= deviation[:, None, None, None]
    quant.bias[:channels] = (quant.bias[:channels] - mean) / deviation
    quant.bias[channels:] -= 2 * deviation.log()


def fit_preview(latents: Tensor, pictures: Tensor) -> dict[str, Any]:
    """Fit the linear map from each latent place and its neighbours to a small patch of picture.

    Args:
        latents: [n, c, h, w].
        pictures: [n, 3, 128, 128] in [0, 1]; averaged to 64×64 points.

    Returns:
        `window` 3, `weight` 9·c × 3·p² and `bias` 3·p², where a place is p points wide, by least
        squares:
        patch = neighbourhood · weight + bias, colour by colour, in [0, 1].
    """
    patch = PREVIEW_SIZE // latents.shape[-1]
    return linear(latents, pictures, patch, PREVIEW_WINDOW).model_dump()


def psnr(a: Tensor, b: Tensor) -> float:
    """Mean over pictures of the peak signal-to-noise ratio, in dB, of pictures in [0, 1]."""
    error = (a - b).square().mean(dim=(1, 2, 3)).clamp(min=1e-10)
    return float((-10 * error.log10()).mean())
