"""What a network is fed and what it answers: every conversion to and from the state.

A network's own state is a·x0 + b·noise. It is matched to x = alpha·x0 + sigma·noise by log-SNR,
b/a = sigma/alpha, never by its time; then its input is hypot(a, b)·x. The level → time relation of
a network is one of the `Times`. A level beyond those that a network was trained on is treated as
the nearest that it was: nothing is extrapolated.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from graph.levels import CLEAN, PURE_NOISE, NoiseLevel

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

Output = Literal["eps", "x0", "v", "flow", "score"]
"""eps: the noise. x0: the clean sample. v = a·noise − b·x0. flow = noise − x0. score = −noise/b."""


@dataclass(frozen=True, slots=True)
class Native:
    """A noise level as a network knows it: its state is a·x0 + b·noise, its time input `time`."""

    a: float
    b: float
    time: float

    @property
    def scale(self) -> float:
        """The factor from the variance-preserving state to the network's."""
        return math.hypot(self.a, self.b)


def denoised(output: Output, value: Tensor, x: Tensor, native: Native) -> Tensor:
    """The expected clean sample from a network's answer `value` at its own state `x`.

    `eps` and `score` say nothing about the clean sample at pure noise (a = 0): ZeroDivisionError.
    """
    a, b = native.a, native.b
    match output:
        case "eps":
            return (x - b * value) / a
        case "x0":
            return value
        case "v":
            return (a * x - b * value) / (a * a + b * b)
        case "flow":
            return (x - b * value) / (a + b)
        case "score":
            return (x + b * b * value) / a


def answer(output: Output, clean: Tensor, x: Tensor, native: Native) -> Tensor:
    """What a network with this output answers at its own state `x` where it expects `clean`.

    The inverse of `denoised`; at clean (b = 0) only `x0` is defined: ZeroDivisionError.
    """
    if output == "x0":
        return clean
    a, b = native.a, native.b
    noise = (x - a * clean) / b
    match output:
        case "eps":
            return noise
        case "v":
            return a * noise - b * clean
        case "flow":
            return noise - clean
        case "score":
            return -noise / b


def steered(clean: Tensor, change: Tensor, native: Native) -> Tensor:
    """The clean sample expected where v = a·noise − b·x0 is answered as v + `change`.

    `denoised` is linear in v, so this is `clean` − b/(a² + b²)·`change`: finite at every level, and
    a change of zero leaves every bit.
    """
    a, b = native.a, native.b
    return clean - b / (a * a + b * b) * change


def pulled(slope: Tensor, native: Native) -> Tensor:
    """By how much the clean sample expected moves once y is known: b²/a·∇ log p(y | x).

    `slope` is the gradient at the network's own state x = a·x0 + b·noise. In variance-exploding
    form it is D' = D + ratio²·∇ log p(y | x/a), and a gradient there is a times the one here. At
    pure noise (a = 0) the state says nothing of y, and a product of nothing with infinity is
    nothing known: ZeroDivisionError.
    """
    return native.b * native.b / native.a * slope


def leaning(slope: Tensor, native: Native) -> Tensor:
    """The same change from the gradient at the clean sample: b²/(a² + b²)·∇ log p(y | D).

    The exact change is cov(x0 | x)·∇ log p(y | D) as far as log p is linear about D; here the
    covariance is that of a standard normal picture. It is finite at every level.
    """
    return native.b * native.b / (native.a * native.a + native.b * native.b) * slope


class Times(ABC):
    """How a network numbers noise levels, and which of them it was trained on."""

    @property
    @abstractmethod
    def noisiest(self) -> NoiseLevel:
        """The noisiest level that the network was trained on."""

    @property
    @abstractmethod
    def cleanest(self) -> NoiseLevel:
        """The cleanest level that the network was trained on."""

    def native(self, level: NoiseLevel) -> Native:
        """The level as the network knows it, or the nearest that it was trained on."""
        if level.ratio >= self.noisiest.ratio:
            level = self.noisiest
        elif level.ratio <= self.cleanest.ratio:
            level = self.cleanest
        a, b = self.coordinates(level)
        return Native(a, b, self.time(level))

    def coordinates(self, level: NoiseLevel) -> tuple[float, float]:
        """(a, b) of the network's state; variance preserving unless overridden."""
        return level.alpha, level.sigma

    @abstractmethod
    def time(self, level: NoiseLevel) -> float:
        """The time input at a level within the trained range."""

    @abstractmethod
    def level(self, time: float) -> NoiseLevel:
        """The level at a time; inverse of `time`."""


@dataclass(frozen=True)
class DiscreteTimes(Times):
    """A variance-preserving network trained at times 0 … T − 1 with known squared alphas.

    Between two times the log of sigma/alpha is interpolated, as k-diffusion does, so times are
    fractions. `alphas_cumprod` falls strictly within (0, 1), except that the last may be 0 (zero
    terminal SNR); ValueError otherwise.
    """

    alphas_cumprod: tuple[float, ...]

    def __post_init__(self) -> None:
        falling = all(high > low >= 0.0 for high, low in pairwise((1.0, *self.alphas_cumprod)))
        if not falling or len(self.alphas_cumprod) < 2:
            raise ValueError(
                "alphas_cumprod must be two or more numbers that fall strictly within [0, 1), "
                f"got {len(self.alphas_cumprod)}: {self.alphas_cumprod[:3]} …"
            )

    @cached_property
    def _trained(self) -> tuple[NoiseLevel, ...]:
        return tuple(
            NoiseLevel(math.sqrt(square), math.sqrt(1.0 - square)) for square in self.alphas_cumprod
        )

    @cached_property
    def _log_ratios(self) -> tuple[float, ...]:
        return tuple(-0.5 * level.log_snr for level in self._trained)

    @property
    def noisiest(self) -> NoiseLevel:
        """The level of the last trained time."""
        return self._trained[-1]

    @property
    def cleanest(self) -> NoiseLevel:
        """The level of trained time 0."""
        return self._trained[0]

    def time(self, level: NoiseLevel) -> float:
        """The fractional time; above the last finite ratio of a zero-SNR model, that ratio's."""
        log_ratio = -0.5 * level.log_snr
        index = bisect_right(self._log_ratios, log_ratio) - 1
        if index + 1 >= len(self._log_ratios):
            return float(len(self._log_ratios) - 1)
        if index < 0:
            return 0.0
        low, high = self._log_ratios[index : index + 2]
        return index + (log_ratio - low) / (high - low)

    def level(self, time: float) -> NoiseLevel:
        """The level at a fractional time, clamped to the trained ones."""
        time = min(max(time, 0.0), float(len(self._trained) - 1))
        index = min(int(time), len(self._trained) - 2)
        if time == index or time == index + 1:
            return self._trained[int(time)]
        low, high = self._log_ratios[index : index + 2]
        return NoiseLevel.from_log_snr(-2.0 * (low + (time - index) * (high - low)))


@dataclass(frozen=True)
class CosineTimes(Times):
    """A variance-preserving network in continuous time, alpha = cos φ(t)/cos φ(0).

    φ(t) = ½π·(t + offset)/(1 + offset) for t in [0, 1] (Nichol and Dhariwal, arXiv 2102.09672,
    equation 17). The network is fed `scale`·t; `ratio_max` is the largest sigma/alpha it was
    trained on, and must be finite for the outputs eps and score.
    """

    offset: float = 0.008
    ratio_max: float = math.inf
    scale: float = 1.0

    @property
    def noisiest(self) -> NoiseLevel:
        """The level at ratio_max."""
        return NoiseLevel.from_ratio(self.ratio_max)

    @property
    def cleanest(self) -> NoiseLevel:
        """Clean."""
        return CLEAN

    @property
    def _start(self) -> float:
        return 0.5 * math.pi * self.offset / (1.0 + self.offset)

    def time(self, level: NoiseLevel) -> float:
        """scale·t, from sin² φ = sigma² + (alpha·sin φ(0))², which is exact near clean too."""
        sine = math.hypot(level.sigma, level.alpha * math.sin(self._start))
        angle = math.atan2(sine, level.alpha * math.cos(self._start))
        return self.scale * ((1.0 + self.offset) * angle / (0.5 * math.pi) - self.offset)

    def level(self, time: float) -> NoiseLevel:
        """The level at a network time, clamped to the trained ones."""
        share = min(max(time, 0.0), self.time(self.noisiest)) / self.scale
        if share == 1.0:
            return PURE_NOISE
        angle, start = 0.5 * math.pi * (share + self.offset) / (1.0 + self.offset), self._start
        sine = math.sqrt(math.sin(max(angle - start, 0.0)) * math.sin(angle + start))
        return NoiseLevel(math.cos(angle) / math.cos(start), sine / math.cos(start))


@dataclass(frozen=True)
class FlowTimes(Times):
    """A flow network: its state is (1 − t)·x0 + t·noise and it is fed `scale`·t.

    Holds for every shift: a shift chooses which times a run visits, not what a time means.
    """

    scale: float = 1000.0

    @property
    def noisiest(self) -> NoiseLevel:
        """Pure noise."""
        return PURE_NOISE

    @property
    def cleanest(self) -> NoiseLevel:
        """Clean."""
        return CLEAN

    def coordinates(self, level: NoiseLevel) -> tuple[float, float]:
        """(1 − t, t)."""
        length = level.alpha + level.sigma
        return level.alpha / length, level.sigma / length

    def time(self, level: NoiseLevel) -> float:
        """scale·sigma/(alpha + sigma)."""
        return self.scale * level.flow_time

    def level(self, time: float) -> NoiseLevel:
        """The level at a network time, clamped to t in [0, 1]."""
        return NoiseLevel.from_flow_time(min(max(time / self.scale, 0.0), 1.0))


@dataclass(frozen=True)
class ExplodingTimes(Times):
    """A variance-exploding network: its state is x0 + ratio·noise.

    It is fed the ratio, or ¼·log(ratio) as in EDM (Karras et al., arXiv 2206.00364, table 1).
    """

    ratio_min: float = 0.002
    ratio_max: float = 80.0
    fed: Literal["ratio", "quarter_log"] = "ratio"

    @property
    def noisiest(self) -> NoiseLevel:
        """The level at ratio_max."""
        return NoiseLevel.from_ratio(self.ratio_max)

    @property
    def cleanest(self) -> NoiseLevel:
        """The level at ratio_min."""
        return NoiseLevel.from_ratio(self.ratio_min)

    def coordinates(self, level: NoiseLevel) -> tuple[float, float]:
        """(1, ratio)."""
        return 1.0, level.ratio

    def time(self, level: NoiseLevel) -> float:
        """The ratio, or a quarter of its logarithm."""
        return level.ratio if self.fed == "ratio" else 0.25 * math.log(level.ratio)

    def level(self, time: float) -> NoiseLevel:
        """The level at a network time, clamped to the trained ratios."""
        time = min(max(time, self.time(self.cleanest)), self.time(self.noisiest))
        return NoiseLevel.from_ratio(time if self.fed == "ratio" else math.exp(4.0 * time))


@dataclass(frozen=True, slots=True)
class Parametrisation:
    """What a network answers, and how it numbers noise levels.

    ValueError where the two do not fit: eps and score say nothing at pure noise.
    """

    output: Output
    times: Times

    def __post_init__(self) -> None:
        if self.output in ("eps", "score") and self.times.noisiest.alpha == 0.0:
            raise ValueError(
                f"A network that answers {self.output} says nothing about the picture at pure "
                "noise. Give its times a finite largest ratio."
            )

    def denoise(
        self,
        network: Callable[[Tensor, float], Tensor],
        x: Float[Tensor, "b *d"],
        level: NoiseLevel,
    ) -> Float[Tensor, "b *d"]:
        """Ask `network`(its own state, its time) and turn the answer into E[x0 | x].

        `x` is the variance-preserving state at `level`. The network answers in the type of `x`.
        """
        native = self.times.native(level)
        state = native.scale * x
        return denoised(self.output, network(state, native.time), state, native)
