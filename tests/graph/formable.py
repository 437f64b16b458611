"""Fusions whose guidance takes a form, and diffusers' guiders to hold them against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from graph.fusion.product import Product
from graph.interfaces import Estimate, Fused, FusionRule, GuidanceForm
from graph.levels import NoiseLevel
from graph.plan import Value
from graph.reliability import Reliability
from graph.scores import Merge, Shaped, Track
from tests.graph.pieces import LIKE, SHAPE, no_picture, reliability, switch


def random(seed: int, shape: tuple[int, ...] = (3, 2, 4)) -> Tensor:
    """A standard normal state in float64."""
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def asked(
    x: Tensor,
    level: NoiseLevel,
    estimates: Sequence[Estimate],
    weights: Sequence[float],
    rule: FusionRule | None = None,
) -> tuple[Fused, Fused]:
    """A fusion as the weights ask, and as it is with each of them at one or minus one."""
    plain = [(weight > 0) - (weight < 0) for weight in map(float, weights)]
    shares = [1.0] * len(estimates)
    rule = rule or Product()
    guided = rule(x, level, estimates, weights, shares, None)
    return guided, rule(x, level, estimates, [float(each) for each in plain], shares, None)


def given(
    form: GuidanceForm, x: Tensor, level: NoiseLevel, pair: tuple[Fused, Fused], gain: float = 1.0
) -> Fused:
    """What a form makes of the first state that it sees."""
    return form(x, level, *pair, form.follow(None, x, level, *pair), gain)


def shaped(name: str, form: GuidanceForm, factors: Sequence[Value] = ()) -> Shaped:
    """A form with all its controls."""
    return Shaped(
        node=name,
        form=form,
        reliability=Reliability((reliability(name), *factors), SHAPE, no_picture, LIKE),
        muted=switch(name, "muted"),
        solo=switch(name, "solo"),
        noise_range=(1.0, 0.0),
    )


def around(track: Track, *forms: Shaped) -> Track:
    """The track with forms around its fusion."""
    assert isinstance(track.score, Merge)
    return replace(track, score=replace(track.score, forms=forms))
