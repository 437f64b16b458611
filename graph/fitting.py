"""Fitting: the linear preview of a latent space whose card has none, from its own autoencoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from PIL import Image
from torch import Tensor

from graph.codec import Codec
from graph.interfaces import Step
from graph.library import Preview
from graph.preview import Painter
from graph.reliability import Weight

WINDOW = 3
PICTURES, PLACES = 12, 16
"""How many pictures an autoencoder is shown, and how many latent places on their sides."""
RIDGE = 1e-6
"""What is added to the squares, so that channels which say nothing are given no weight."""

_FITTED: WeakKeyDictionary[Codec, Preview] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class FittedPainter:
    """Draws the steps of a track by its autoencoder's fitted preview, in pictures of `size`."""

    codec: Codec
    size: tuple[int, int]

    def show(self, step: Step, weights: Mapping[str, Weight]) -> tuple[Image.Image, ...]:
        """The estimate of the step; the first time, the preview is fitted."""
        return Painter(preview_of(self.codec), self.size).show(step, weights)


def preview_of(codec: Codec) -> Preview:
    """The linear map to colours that is nearest to an autoencoder on drifting colours; kept.

    Colours whose power falls with the square of their frequency are what photographs have in
    common, so that none has to be at hand.
    """
    found = _FITTED.get(codec)
    if found is None:
        with torch.inference_mode(False), torch.no_grad():
            pictures = drifting(PICTURES, PLACES * codec.factor)
            rows = [codec.latents(codec.placed(each[None])).float().cpu() for each in pictures]
            found = linear(torch.cat(rows), pictures * 0.5 + 0.5, max(codec.factor // 4, 1))
        _FITTED[codec] = found
    return found


def drifting(count: int, side: int) -> Tensor:
    """Pictures [count, 3, side, side] from −1 to 1 of random colours, whose power falls as 1/f²."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(count, 3, side, side, generator=generator, dtype=torch.float64)
    fourier: Any = torch.fft
    frequency: Tensor = fourier.fftfreq(side, dtype=torch.float64)
    radius = torch.hypot(frequency[:, None], frequency[None, :]).clamp_min(0.5 / side)
    drift: Tensor = fourier.ifft2(fourier.fft2(noise) / radius).real
    spread = drift.std((1, 2, 3), keepdim=True)
    # the middle of a picture has any colour
    middle = torch.rand(count, 3, 1, 1, generator=generator, dtype=torch.float64) - 0.5
    return (0.5 * drift / spread + middle).clamp(-1.0, 1.0).float()


def linear(latents: Tensor, pictures: Tensor, patch: int, window: int = WINDOW) -> Preview:
    """The map from each latent place and its neighbours to patch × patch colours.

    `latents` are [n, c, h, w] and `pictures` [n, 3, H, W] in [0, 1], which are averaged to
    patch points a place: colours = neighbourhood · weight + bias, by least squares.
    """
    height, width = latents.shape[2:]
    small = torch.nn.functional.interpolate(
        pictures.float(), size=(patch * height, patch * width), mode="area"
    )
    colours = _rows(torch.nn.functional.pixel_unshuffle(small, patch))
    reach = window // 2
    around = torch.nn.functional.pad(latents.float(), (reach,) * 4, mode="replicate")
    columns: Tensor = torch.nn.functional.unfold(around, window)
    seen = _rows(columns.view(len(latents), -1, height, width))
    seen = torch.cat([seen, torch.ones_like(seen[:, :1])], dim=1)
    squares = seen.T @ seen
    ridge = RIDGE * torch.eye(len(squares), dtype=squares.dtype) * squares.diagonal().mean()
    algebra: Any = torch.linalg
    found: list[list[float]] = algebra.solve(squares + ridge.to(squares), seen.T @ colours).tolist()
    rows = [tuple(round(value, 4) for value in row) for row in found]
    return Preview(window=window, weight=tuple(rows[:-1]), bias=rows[-1])


def _rows(places: Tensor) -> Tensor:
    """[n, c, h, w] as rows of places, [n·h·w, c], float64."""
    return places.double().movedim(1, -1).flatten(0, 2)
