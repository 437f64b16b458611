"""The codec of a latent space: pictures to latents and back, by the experts' own autoencoder."""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import torch
from diffusers import AutoencoderKL
from PIL import Image
from torch import Tensor

from graph.library import Model
from graph.machine import Machine
from graph.weights import frozen


class Codec:
    """An AutoencoderKL with its latent scaling; latents here have about unit variance.

    What it encodes is of the type `precision`, as a network takes it, whatever its own type is.
    """

    def __init__(self, autoencoder: Any, precision: torch.dtype) -> None:
        self._autoencoder, self._precision = autoencoder, precision
        config = autoencoder.config
        self._scale = float(config.scaling_factor)
        self._shift = float(config.shift_factor or 0.0)
        self.factor = 2 ** (len(config.block_out_channels) - 1)
        self.channels = int(config.latent_channels)

    def encode(self, pictures: list[Image.Image]) -> Tensor:
        """RGB pictures of one size as latents [n, channels, h/factor, w/factor]: the mean."""
        rows = np.stack([np.asarray(picture.convert("RGB")) for picture in pictures])
        pixels = torch.from_numpy(rows).movedim(-1, 1).to(self._autoencoder.dtype) / 127.5 - 1.0
        return self.latents(pixels.to(self._autoencoder.device)).to(self._precision)

    def latents(self, pixels: Tensor) -> Tensor:
        """Colours [n, 3, H, W] about −1 to 1 as latents: the mean; differentiable."""
        native = pixels.to(self._autoencoder.dtype)
        mean = self._autoencoder.encode(native).latent_dist.mode()
        return (mean - self._shift) * self._scale

    def pixels(self, latents: Tensor) -> Tensor:
        """Latents [n, channels, h, w] as colours [n, 3, H, W] about −1 to 1; differentiable."""
        native = latents.to(self._autoencoder.dtype) / self._scale + self._shift
        return self._autoencoder.decode(native).sample.float()

    def decode(self, latents: Tensor) -> tuple[Image.Image, ...]:
        """Latents [n, channels, h, w] as n RGB pictures."""
        pixels = self.pixels(latents)
        rows = ((pixels * 0.5 + 0.5).clamp(0.0, 1.0) * 255.0).round().to(torch.uint8)
        return tuple(Image.fromarray(row) for row in rows.movedim(1, -1).cpu().numpy())


_CODECS: WeakValueDictionary[tuple[str, Machine], Codec] = WeakValueDictionary()
"""Those in memory: a codec goes with the last expert that has it."""


def codec_of(model: Model, machine: Machine) -> Codec:
    """The codec of a model's latent space; experts of one space share it in memory."""
    key = (model.space.id, machine)
    codec = _CODECS.get(key)
    if codec is None:
        autoencoder = frozen(AutoencoderKL, model.folder / "vae", machine)
        if machine.precision == torch.float16 and autoencoder.config.force_upcast:
            autoencoder = autoencoder.float()  # that of SDXL overflows, and paints black
        codec = _CODECS[key] = Codec(autoencoder, machine.precision)
    return codec
