"""Models of transformers that look at pictures."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import Any

import torch.nn.functional as F
import transformers
from safetensors.torch import load_file
from torch import Tensor
from torch.func import functional_call

from graph.export.pieces.conventions import Level
from graph.export.pieces.loading import load, read
from graph.export.pieces.settings import DEVICE, MODELS

Triple = tuple[float, float, float]  # of red, green and blue


class Onlooker:
    """A model that looks at pictures in the size, mean and deviation in which it learned them."""

    def __init__(
        self, name: str, size: tuple[int, int] | None, mean: Triple, deviation: Triple
    ) -> None:
        family = getattr(transformers, read(MODELS / name / "config.json")["architectures"][0])
        self.network = load(family, MODELS / name, trust_remote_code=False)
        self.size, self.mean, self.deviation = size, mean, deviation

    def __call__(self, colours: Tensor, level: Level) -> Any:
        """What it answers to colours between −1 and 1, whatever the level of noise."""
        return self.network(pixel_values=self.seen(colours))

    def seen(self, colours: Tensor) -> Tensor:
        """Colours as it is shown them."""
        colours = colours.to(self.network.dtype)
        if self.size and colours.shape[2:] != self.size:
            colours = F.interpolate(
                colours, self.size, mode="bilinear", antialias=True, align_corners=False
            )
        mean, deviation = (
            colours.new_tensor(each)[:, None, None] for each in (self.mean, self.deviation)
        )
        return (colours * 0.5 + 0.5 - mean) / deviation


class OnlookerInNoise(Onlooker):
    """One that was taught noise (PPAP, arXiv 2212.05973), one range of log-SNR after another.

    In a range its weights are W + ½·up·down and its biases b + shift.
    """

    def __init__(
        self, name: str, size: tuple[int, int] | None, mean: Triple, deviation: Triple
    ) -> None:
        super().__init__(name, size, mean, deviation)
        self.edges = read(MODELS / name / "card.json")["ranges"]["edges"]
        self.stored = load_file(MODELS / name / "adapters.safetensors", DEVICE)

    def __call__(self, colours: Tensor, level: Level) -> Any:
        """What it answers to colours of this level."""
        alpha, sigma = level
        log_snr = 2 * math.log(alpha / sigma) if alpha > 0 else -math.inf
        changed = {
            name: self.changed(f"{bisect_right(self.edges, log_snr)}.{name}", own)
            for name, own in self.network.named_parameters()
        }
        return functional_call(self.network, changed, kwargs={"pixel_values": self.seen(colours)})

    def changed(self, key: str, own: Tensor) -> Tensor:
        """A weight or bias in one range."""
        stored = self.stored
        if f"{key}.up" in stored:
            change = 0.5 * stored[f"{key}.up"].float() @ stored[f"{key}.down"].float()
            return own + change.reshape(own.shape).to(own)
        return own + stored[f"{key}.shift"].to(own) if f"{key}.shift" in stored else own
