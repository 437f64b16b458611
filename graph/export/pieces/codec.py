"""Between latents and colours, within the sampling."""

from __future__ import annotations

from diffusers import AutoencoderDC, AutoencoderKL
from torch import Tensor

from graph.export.pieces.loading import load
from graph.export.pieces.settings import MODELS


class Autoencoder:
    """The autoencoder of a checkpoint, whose latents are scaled to a variance of about one."""

    def __init__(self, name: str) -> None:
        self.vae = load(AutoencoderKL, MODELS / name / "vae")
        self.scale = self.vae.config.scaling_factor
        self.shift = self.vae.config.shift_factor or 0.0

    def colours(self, latents: Tensor) -> Tensor:
        """Latents [n, c, h, w] as colours about −1 to 1."""
        native = latents.to(self.vae.dtype) / self.scale + self.shift
        return self.vae.decode(native).sample.float()

    def latents(self, colours: Tensor) -> Tensor:
        """Colours as latents: the mean of what is known of them."""
        found = self.vae.encode(colours.to(self.vae.dtype)).latent_dist.mode()
        return ((found - self.shift) * self.scale).float()


class DeepAutoencoder:
    """The deep autoencoder of a checkpoint, whose latents are scaled to a variance of one."""

    def __init__(self, name: str) -> None:
        self.vae = load(AutoencoderDC, MODELS / name / "vae")
        self.scale = self.vae.config.scaling_factor

    def colours(self, latents: Tensor) -> Tensor:
        """Latents [n, c, h, w] as colours about −1 to 1."""
        return self.vae.decode(latents.to(self.vae.dtype) / self.scale).sample.float()

    def latents(self, colours: Tensor) -> Tensor:
        """Colours as latents."""
        return (self.vae.encode(colours.to(self.vae.dtype)).latent * self.scale).float()


class Pixels:
    """What states are that are pictures themselves."""

    def colours(self, states: Tensor) -> Tensor:
        """Themselves."""
        return states

    def latents(self, colours: Tensor) -> Tensor:
        """Themselves."""
        return colours
