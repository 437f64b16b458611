"""Small ensembles of analytic experts that the loop's tests play."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from graph.controls import Controls
from graph.events import Progress, Stopped
from graph.experts.gaussian import Gaussian
from graph.fusion.product import Product
from graph.interfaces import Expert, FusionRule, Sampler
from graph.levels import NoiseLevel
from graph.loop import play
from graph.plan import Control, Value
from graph.preview import Watch
from graph.reliability import Reliability
from graph.samplers.euler import Euler
from graph.schedules.karras import Karras
from graph.scores import Encoded, Merge, Track, Voice

SHAPE = (2, 4, 4)
LIKE = torch.empty(0, dtype=torch.float64)


class Counted(Expert):
    """An expert that writes down every forward pass: the level and how many states it got."""

    def __init__(self, inner: Expert) -> None:
        self.inner = inner
        self.has_null = inner.has_null
        self.calls: list[tuple[NoiseLevel, int]] = []

    def encode(self, value: Any) -> Any:
        """As the inner expert."""
        return self.inner.encode(value)

    def denoise(self, x: Tensor, level: NoiseLevel, conditions: Sequence[Any]) -> Tensor:
        """As the inner expert, written down."""
        self.calls.append((level, len(x)))
        return self.inner.denoise(x, level, conditions)

    def log_density(self, x: Tensor, level: NoiseLevel, conditions: Sequence[Any]) -> Tensor | None:
        """As the inner expert."""
        return self.inner.log_density(x, level, conditions)


def gaussian(mean: float, variance: float = 0.25) -> Counted:
    """A counted Gaussian with a standard normal as its null."""
    return Counted(Gaussian(SHAPE, mean=mean, variance=variance, has_null=True, null_variance=1.0))


def reliability(name: str, default: float = 1.0) -> Control:
    """The fader of a voice."""
    return Control(f"{name}.reliability", "number", default, 0.0, 2.0)


def switch(name: str, setting: str) -> Control:
    """A mute or solo switch."""
    return Control(f"{name}.{setting}", "switch", False)


def voice(
    name: str,
    expert: Expert,
    *,
    shift: float = 0.0,
    factors: Sequence[Value] = (),
    noise_range: tuple[float, float] = (1.0, 0.0),
    network: str | None = None,
    guidance: float = 1.0,
) -> Voice:
    """A voice with all its controls, asked for a shift of its mean."""
    return Voice(
        node=name,
        expert=expert,
        network=network or name,
        condition=Encoded(str(shift), (expert.encode(shift),)),
        null=Encoded("none", (expert.encode(None),)) if expert.has_null else None,
        reliability=Reliability((reliability(name), *factors), SHAPE, no_picture, LIKE),
        guidance=guidance,
        share=1.0,
        muted=switch(name, "muted"),
        solo=switch(name, "solo"),
        noise_range=noise_range,
    )


def no_picture(sha256: str) -> Image.Image:
    """There are no stored pictures here."""
    raise KeyError(sha256)


def track(
    voices: Sequence[Voice],
    *,
    samples: tuple[int, ...] = (0,),
    steps: int = 6,
    sampler: Sampler | None = None,
    rule: FusionRule | None = None,
    number: int = 0,
    seed: int = 3,
    like: Tensor = LIKE,
) -> Track:
    """A track over one fusion of the voices."""
    return Track(
        name=f"track{number}",
        number=number,
        shape=SHAPE,
        seed=seed,
        samples=samples,
        levels=Karras().levels(steps),
        sampler=sampler or Euler(),
        score=Merge("fuse", rule or Product(), tuple(voices)),
        like=like,
    )


def controls(voices: Sequence[Voice], **moves: Any) -> Controls:
    """The mailbox of these voices."""
    declared = [
        control
        for each in voices
        for control in (
            reliability(each.node),
            switch(each.node, "muted"),
            switch(each.node, "solo"),
        )
    ]
    return Controls(declared, **moves)


def final(tracks: Sequence[Track], mailbox: Controls) -> list[Tensor]:
    """The clean states, with nobody looking."""
    return [end[1] for end in events(tracks, mailbox) if isinstance(end, tuple)]


def events(
    tracks: Sequence[Track], mailbox: Controls, stop: threading.Event | None = None, rate: float = 0
) -> list[Progress | Stopped | tuple[Any, ...]]:
    """Everything that the loop yields."""
    return list(play(tracks, mailbox, stop or threading.Event(), Watch(rate, {})))
