"""Reliability: an expert's weight at a level, a product of numbers, curves, maps and sweeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from graph.events import ControlValue
from graph.levels import NoiseLevel
from graph.plan import Control, Sweep, Value


@dataclass(frozen=True, slots=True)
class Weight:
    """A weight split so that silence is known without asking the device.

    `number` is the part on the host, `spread` the part per sample or per place, broadcastable to
    [b, c, h, w], or None.
    """

    number: float
    spread: Tensor | None = None

    @property
    def silent(self) -> bool:
        """Whether the weight is zero everywhere."""
        return self.number == 0.0

    def __mul__(self, factor: float) -> Weight:
        return Weight(self.number * factor, self.spread)

    def tensor(self, like: Tensor) -> Tensor:
        """The weight on the device and in the type of `like`, broadcastable to it."""
        if self.spread is None:
            return torch.full((1,) * like.ndim, self.number, dtype=like.dtype, device=like.device)
        return self.spread.to(like) * self.number


class Reliability:
    """Reads the factors of one expert's weight as they stand at a step."""

    def __init__(
        self,
        factors: Sequence[Value],
        canvas: tuple[int, ...],
        picture: Callable[[str], Image.Image],
        like: Tensor,
        points: int = 1,
    ) -> None:
        self._factors = tuple(factors)
        self._canvas = canvas
        self._picture = picture
        self._like = like
        self._maps: dict[tuple[str, float, float], Tensor] = {}
        self._sweeps = {
            factor: torch.tensor(factor.values)
            .repeat_interleave(points)
            .to(like)
            .reshape(-1, *(1,) * len(canvas))
            for factor in self._factors
            if isinstance(factor, Sweep)
        }

    @property
    def controls(self) -> tuple[Control, ...]:
        """The factors that are read afresh at every step."""
        return tuple(each for each in self._factors if isinstance(each, Control))

    def over(self, canvas: tuple[int, ...]) -> Reliability:
        """The same for states of another shape."""
        return Reliability(self._factors, canvas, self._picture, self._like)

    def at(self, level: NoiseLevel, values: Mapping[str, ControlValue]) -> Weight:
        """The product of all factors at this level."""
        number = 1.0
        spread: Tensor | None = None
        for factor in self._factors:
            part = self._part(factor, level, values)
            if isinstance(part, Tensor):
                spread = part if spread is None else spread * part
            else:
                number *= part
        return Weight(number, spread)

    def _part(
        self, factor: Value, level: NoiseLevel, values: Mapping[str, ControlValue]
    ) -> float | Tensor:
        match factor:
            case Sweep():
                return self._sweeps[factor]
            case Control(kind="curve"):
                return along(values[factor.name], level.noise)
            case Control(kind="map"):
                return self._map(factor, str(values[factor.name]))
            case Control():
                return float(values[factor.name])  # pyright: ignore[reportArgumentType]
            case int() | float():
                return float(factor)
            case _:
                raise TypeError(f"{factor!r} is no factor of a reliability")

    def _map(self, control: Control, name: str) -> float | Tensor:
        """The stored picture over the latent canvas: black is control.low, white control.high."""
        if not name:
            return 1.0
        low, high = control.low or 0.0, 1.0 if control.high is None else control.high
        key = (name, low, high)
        if key not in self._maps:
            size = (self._canvas[-1], self._canvas[-2])
            grey = self._picture(name).convert("L").resize(size, Image.Resampling.BOX)
            light = torch.from_numpy(np.asarray(grey, dtype=np.float32) / 255.0)
            self._maps[key] = (low + (high - low) * light).to(self._like)[None, None]
        return self._maps[key]


def along(curve: ControlValue, noise: float) -> float:
    """The height of a piecewise linear curve of (noise, value) points, flat beyond its ends."""
    if not isinstance(curve, tuple):
        raise TypeError(f"{curve!r} is no curve")
    points = sorted(curve)
    return float(np.interp(noise, [at for at, _ in points], [height for _, height in points]))
