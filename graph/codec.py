"""The codec of a latent space: pictures to latents and back, by the experts' own autoencoder."""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import torch
from diffusers import AutoencoderDC, AutoencoderKL
from PIL import Image
from torch import Tensor

from graph.converted import network_of
from graph.folders import levels_of, read_json
from graph.library import Model
from graph.machine import Machine


class Codec:
    """An autoencoder with its latent scaling; latents here have about unit variance.

    What it encodes is of the type `precision`, as a network takes it, whatever its own type is.
    """

    def __init__(self, autoencoder: Any, precision: torch.dtype) -> None:
        self._autoencoder, self._precision = autoencoder, precision
        config = autoencoder.config
        self._scale = float(config.scaling_factor)
        self._shift = float(config.get("shift_factor") or 0.0)
        self.factor = 2 ** (levels_of(config) - 1)
        self.channels = int(config.latent_channels)

    def shape(self, canvas: tuple[int, int]) -> tuple[int, int, int]:
        """Of the latents of one picture of this width and height: [channels, rows, columns]."""
        return self.channels, canvas[1] // self.factor, canvas[0] // self.factor

    def encode(self, pictures: list[Image.Image]) -> Tensor:
        """RGB pictures of one size as latents [n, channels, h/factor, w/factor]: the mean."""
        return self.latents(self.colours(pictures)).to(self._precision)

    def colours(self, pictures: list[Image.Image]) -> Tensor:
        """RGB pictures of one size as colours [n, 3, H, W] from −1 to 1, on the device."""
        rows = np.stack([np.asarray(picture.convert("RGB")) for picture in pictures])
        return self.placed(torch.from_numpy(rows).movedim(-1, 1) / 127.5 - 1.0)

    def placed(self, pixels: Tensor) -> Tensor:
        """Colours on the device and in the type of the autoencoder."""
        return pixels.to(self._autoencoder.device, self._autoencoder.dtype)

    def latents(self, pixels: Tensor) -> Tensor:
        """Colours [n, 3, H, W] about −1 to 1 as latents: the mean; differentiable."""
        return (self.mean(pixels) - self._shift) * self._scale

    def unshifted(self, pixels: Tensor) -> Tensor:
        """The same without the shift, as some ControlNets were taught to see latents."""
        return self.mean(pixels) * self._scale

    def mean(self, pixels: Tensor) -> Tensor:
        """The same in the autoencoder's own numbers, which are not scaled to unit variance."""
        encoded = self._autoencoder.encode(pixels.to(self._autoencoder.dtype))
        return encoded.latent_dist.mode() if "latent_dist" in encoded else encoded.latent

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
    """The codec of a model's latent space, on the device of the state.

    Experts of one space share it in memory, wherever their networks run.
    """
    machine = machine.home
    key = (model.space.id, machine)
    codec = _CODECS.get(key)
    if codec is None:
        config = read_json(model.name, model.folder / "vae" / "config.json")
        deep = config.get("_class_name") == "AutoencoderDC"
        family = AutoencoderDC if deep else AutoencoderKL
        autoencoder = network_of(model, "vae", family, machine)
        upcast = autoencoder.config.get("force_upcast", deep)
        if machine.precision == torch.float16 and upcast:
            autoencoder = autoencoder.float()  # that of SDXL overflows, and paints black
        codec = _CODECS[key] = Codec(autoencoder, machine.precision)
    return codec
