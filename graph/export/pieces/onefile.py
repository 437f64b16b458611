"""Checkpoints of one file, with the configs and tokenizers of a folder of their base."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, StableDiffusionXLPipeline
from PIL import Image
from torch import Tensor

from graph.export.pieces.clip import Clip
from graph.export.pieces.codec import Autoencoder
from graph.export.pieces.decoding import pictures
from graph.export.pieces.experts.stable_diffusion import StableDiffusion
from graph.export.pieces.experts.stable_diffusion_xl import StableDiffusionXL
from graph.export.pieces.settings import DEVICE, MODELS, PRECISION


def of_one_file(family: Any, file: str, folder: str, **more: Any) -> Any:
    """A pipeline or network of diffusers with the weights of one file, frozen."""
    found = family.from_single_file(
        str(MODELS / file),
        config=str(MODELS / folder),
        torch_dtype=PRECISION,
        local_files_only=True,
        **more,
    ).to(DEVICE)
    for network in found.components.values() if hasattr(found, "components") else [found]:
        if isinstance(network, torch.nn.Module):
            network.eval().requires_grad_(False)
    return found


class StableDiffusionFile(StableDiffusion):
    """The same of one file, as the original code stores it."""

    def __init__(self, file: str, folder: str, denoised: Any) -> None:
        beside = dict.fromkeys(("safety_checker", "feature_extractor"))  # not wanted
        found = of_one_file(StableDiffusionPipeline, file, folder, **beside)
        self.clip = Clip(found.tokenizer, found.text_encoder)
        self.unet = found.unet
        self.denoised = denoised


class StableDiffusionXLFile(StableDiffusionXL):
    """The same of one file, as the original code stores it."""

    def __init__(self, file: str, folder: str, denoised: Any) -> None:
        found = of_one_file(StableDiffusionXLPipeline, file, folder)
        self.first = Clip(found.tokenizer, found.text_encoder)
        self.second = Clip(found.tokenizer_2, found.text_encoder_2)
        self.unet = found.unet
        self.learn(folder)
        self.denoised = denoised


class AutoencoderFile(Autoencoder):
    """The same of one file."""

    def __init__(self, file: str, folder: str) -> None:
        self.vae = of_one_file(AutoencoderKL, file, folder, subfolder="vae")
        self.scale = self.vae.config.scaling_factor
        self.shift = self.vae.config.shift_factor or 0.0


@torch.no_grad()
def decode_file(file: str, folder: str, latents: Tensor) -> list[Image.Image]:
    """Latents [b, c, h, w] as pictures, by the autoencoder of a checkpoint of one file."""
    vae = of_one_file(AutoencoderKL, file, folder, subfolder="vae")
    shift = vae.config.shift_factor or 0.0
    return pictures(vae.decode(latents.to(PRECISION) / vae.config.scaling_factor + shift).sample)
