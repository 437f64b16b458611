"""Previews: pictures of the denoised estimate, limited by wall time."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from graph.interfaces import Step
from graph.library import Preview
from graph.reliability import Weight

PREVIEWS_PER_SECOND = 20.0


class Watch:
    """Whoever looks at a run: says when a preview is due and draws it.

    `rate` is the most previews a second; 0 when nobody looks, infinity for every step.
    """

    def __init__(self, rate: float, painters: Mapping[str, Shows]) -> None:
        self._pause = math.inf if rate <= 0.0 else 1.0 / rate  # 0 for an infinite rate
        self._painters = painters
        self._next = -math.inf

    def due(self, *, last: bool = False) -> bool:
        """Whether a preview may be made now; the last step always has one if somebody looks."""
        if self._pause == math.inf:
            return False
        now = time.monotonic()
        if now < self._next and not last:
            return False
        self._next = now + self._pause
        return True

    def picture(
        self, track: str, step: Step, weights: Mapping[str, Weight]
    ) -> tuple[Image.Image, ...] | None:
        """A step as pictures, one per sample; None where the track has no picture."""
        painter = self._painters.get(track)
        return painter.show(step, weights) if painter else None


class Shows(Protocol):
    """What makes of a step, taken under these weights, a picture for each sample."""

    def show(self, step: Step, weights: Mapping[str, Weight]) -> tuple[Image.Image, ...]:
        """The pictures."""
        ...


class Painter:
    """Latents to RGB by the card's linear map, enlarged to the size of the canvas.

    At high noise a guided estimate leaves the range of colours. It is brought back as a whole, so
    that its forms stay visible, by dividing its contrast by the 95th percentile of its excess, as
    the dynamic thresholding of arXiv 2205.11487 does. Only what is shown is changed.
    """

    def __init__(self, preview: Preview, size: tuple[int, int]) -> None:
        self._window = preview.window
        self._weight = torch.tensor(preview.weight)
        self._bias = torch.tensor(preview.bias)
        self._patch = math.isqrt(len(preview.bias) // 3)
        self._size = size

    def show(self, step: Step, weights: Mapping[str, Weight]) -> tuple[Image.Image, ...]:
        """The estimate of the step."""
        return self(step.denoised)

    def __call__(self, denoised: Tensor) -> tuple[Image.Image, ...]:
        """[b, channels, h, w] latents to b pictures."""
        patches = (self._places(denoised) @ self._weight + self._bias).movedim(-1, 1)
        light = _toned(torch.nn.functional.pixel_shuffle(patches, self._patch))
        rows = (light * 255.0).round().to(torch.uint8).movedim(1, -1).contiguous().numpy()
        return tuple(self._enlarge(row) for row in rows)

    def _places(self, denoised: Tensor) -> Tensor:
        """[b, h, w, channels·window²]: every place with its neighbours, edges repeated."""
        latents = denoised.float().cpu()
        reach = self._window // 2
        around = torch.nn.functional.pad(latents, (reach,) * 4, mode="replicate")
        columns: Tensor = torch.nn.functional.unfold(around, self._window)
        return columns.view(len(latents), -1, *latents.shape[2:]).movedim(1, -1)

    def _enlarge(self, row: np.ndarray) -> Image.Image:
        return Image.fromarray(row).resize(self._size, Image.Resampling.BICUBIC)


def _toned(light: Tensor) -> Tensor:
    """Colours [b, 3, h, w] brought into [0, 1], each picture by its own contrast."""
    signed = light * 2.0 - 1.0
    strength = signed.abs().flatten(1)
    # selecting one value is some twenty times quicker than a quantile, which sorts
    excess = strength.kthvalue(math.ceil(0.95 * strength.shape[1]), dim=1).values.clamp_min(1.0)
    return (signed / excess.view(-1, 1, 1, 1)).clamp(-1.0, 1.0) * 0.5 + 0.5


def plain(state: Tensor) -> tuple[Image.Image, ...]:
    """A state that is itself a picture or a row of numbers, grey or RGB in [-1, 1], as pictures."""
    rows = state.float().cpu()
    while rows.ndim < 4:
        rows = rows.unsqueeze(1)
    light = ((rows * 0.5 + 0.5).clamp(0.0, 1.0) * 255.0).round().to(torch.uint8)
    channels = light if light.shape[1] == 3 else light[:, :1].expand(-1, 3, -1, -1)
    return tuple(Image.fromarray(row) for row in channels.movedim(1, -1).contiguous().numpy())
