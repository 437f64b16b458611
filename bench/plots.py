"""A picture of every fusion rule: what it is given, what that names, what is drawn, what it paints.

Experts are mixtures in the plane, exact, in float64; the last panel is the Playground's first
workflow under the same rule. `python app.py prove --pictures docs/fusion` makes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from bench.laws import diffusion, flow
from bench.prove import Walk, played
from graph import fusion
from graph.experts.mixture import Mixture
from graph.interfaces import FusionRule
from graph.levels import CLEAN
from graph.named import named
from graph.plane import REACH
from graph.plotting import FIRST, GROUND, NAMED, SECOND, TEXT, Light, dots, grid, panel, shade
from graph.registry import choices
from graph.samplers.euler_maruyama import EulerMaruyama
from graph.samplers.heun import Heun
from studio.piece import WORKFLOWS, load

SIDE, GAP, LINE = 256, 12, 22
"""Of a panel in pixels, between panels, of a caption."""
POINTS = 2000

HEIGHT = Mixture((2,), ((0.0, 1.5), (0.0, -1.5)), ((2.5, 0.08),) * 2, (0.5, 0.5))
"""Knows how high a point may lie, and nothing of how far to the right."""
SIDEWAYS = Mixture((2,), ((1.5, 0.0), (-1.5, 0.0)), ((0.08, 2.5),) * 2, (0.7, 0.3))
CORNER = Mixture((2,), ((1.5, 1.5),), ((1.2, 1.2),), (1.0,))
LEFT, RIGHT = (Mixture((2,), ((x, 1.5),), ((0.3, 0.3),), (1.0,)) for x in (-1.6, 1.6))
ANYWHERE = Mixture((2,), ((0.0, 0.0),), ((2.5, 2.5),), (1.0,))
"""The background, where a rule has one."""


@dataclass(frozen=True)
class Scene:
    """What a rule is given in the plane, and what is changed of the workflow that it plays."""

    said: str = "one knows height, one side"
    experts: tuple[Mixture, Mixture] = (HEIGHT, SIDEWAYS)
    weights: tuple[float, float] = (1.0, 1.0)
    changes: Mapping[str, Any] = field(default_factory=dict[str, Any])


FRESH = {"sampler.method": {"name": "euler_maruyama"}, "sampler.steps": 200}
SCENES = {
    "conflict_averse": Scene("two that disagree on the side", (LEFT, RIGHT)),
    "perp_neg": Scene("height, and NOT the corner", (HEIGHT, CORNER), (1.0, -0.6)),
    "superdiff_and": Scene(changes=FRESH),
    "superdiff_or": Scene(weights=(0.3, 0.7), changes={**FRESH, "fuse.rule.guidance": 4.0}),
}
"""Where a rule shows itself best in something else than two experts with equal weights."""


def draw(folder: Path) -> Iterator[Path]:
    """Write the picture of every rule into the folder, one after the other."""
    folder.mkdir(parents=True, exist_ok=True)
    rules: Mapping[str, Any] = choices(fusion, FusionRule)
    for name, rule in rules.items():
        path = folder / f"{name}.webp"
        picture(rule(), SCENES.get(name, Scene())).save(path, quality=88, method=6)
        yield path


def picture(rule: FusionRule, scene: Scene) -> Image.Image:
    """The panels of one rule with their captions."""
    walk = _walk(rule)
    known = [shade(_logs(each)) for each in scene.experts]
    experts = panel(list(zip(known, (FIRST, SECOND), strict=True)), SIDE)
    panels = [(scene.said, experts)]
    if (logs := _named(rule, scene)) is not None:
        panels.append(("the density that is named", panel([(shade(logs), NAMED)], SIDE)))
    panels.append((f"{walk.sampler.name}, {walk.steps} steps", _dots(experts, rule, scene, walk)))
    panels.append(("words, mask and lines", _painted(rule, scene)))
    return _row(panels)


def _walk(rule: FusionRule) -> Walk:
    """A plain sampler that is right for the rule."""
    return Walk(EulerMaruyama(), 300, diffusion) if rule.diffusing else Walk(Heun(), 60, flow)


def _named(rule: FusionRule, scene: Scene) -> Light | None:
    """The log density that the weights name; None where a rule has none of its own."""
    logs = [torch.from_numpy(_logs(each)).reshape(-1, 1) for each in (*scene.experts, ANYWHERE)]
    found = named(rule, CLEAN, logs[:-1], scene.weights, logs[-1])
    return None if found is None else found.reshape(SIDE, SIDE).numpy()


def _logs(expert: Mixture) -> Light:
    """log p at the middle of every pixel of a panel, [h, w], the first row on top."""
    points = grid(SIDE, REACH)
    asked = [expert.encode(None)] * len(points)
    return expert.log_density(points, CLEAN, asked).reshape(SIDE, SIDE).numpy()


def _dots(ground: Image.Image, rule: FusionRule, scene: Scene, walk: Walk) -> Image.Image:
    """What is sampled, as points over a faint picture of the experts."""
    faint = Image.blend(Image.new("RGB", ground.size, GROUND), ground, 0.35)
    return dots(faint, _sampled(rule, scene, walk), REACH)


def _sampled(rule: FusionRule, scene: Scene, walk: Walk) -> Tensor:
    """Points [n, 2]."""

    def asked(expert: Mixture) -> partial[Tensor]:
        return partial(expert.denoise, conditions=[expert.encode(None)] * POINTS)

    experts = [asked(each) for each in scene.experts]
    background = asked(ANYWHERE) if rule.needs_background else None
    return played(rule, experts, scene.weights, background, walk, (POINTS, 2))


def _painted(rule: FusionRule, scene: Scene) -> Image.Image:
    """The Playground's first workflow under the rule."""
    piece = load(WORKFLOWS / "first-light.json").with_setting("fuse.rule", {"name": rule.name})
    for address, value in scene.changes.items():
        piece = piece.with_setting(address, value)
    return piece.run()[0].resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def _row(panels: Sequence[tuple[str, Image.Image]]) -> Image.Image:
    size = len(panels) * (SIDE + GAP) - GAP, SIDE + LINE
    row = Image.new("RGB", size, GROUND)
    pen = ImageDraw.Draw(row)
    for number, (caption, shown) in enumerate(panels):
        left = number * (SIDE + GAP)
        row.paste(shown, (left, 0))
        pen.text((left + 2, SIDE + 4), caption, fill=TEXT, font=ImageFont.load_default(13))
    return row
