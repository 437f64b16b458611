"""From a named draw to pictures with everything that is known about them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .backdrop import backdrops
from .canvas import DEPTH, INK, LABEL, Canvas, blank
from .captions import caption
from .clouds import clouds
from .ground import grounds
from .scene import Scene, scenes_from, seeds_of
from .sky import discs, gradient, lightning, stars
from .stage import Stage
from .things import things
from .weather import weather

_STACK = 32  # pictures painted together: enough to hide call overhead, few enough for the cache


@dataclass(frozen=True)
class Pictures:
    """Pictures [n,3,128,128] in [0,1] with everything known about them.

    The mask is int64 [n,128,128]; sketch (ink = 1) and depth (near = 1) are [n,1,128,128] in
    [0,1]; scene kinds are int64 [n].
    """

    picture: Tensor
    mask: Tensor
    sketch: Tensor
    depth: Tensor
    captions: list[str]
    scenes: list[Scene]
    scene_kind: Tensor


def draw(
    name: str,
    start: int,
    count: int,
    *,
    device: str | torch.device = "cpu",
    caption_variant: int = 0,
    time: float | Tensor = 0.0,
) -> Pictures:
    """Draw pictures start..start+count-1 of the endless sequence `name`.

    Picture i depends on (name, i) only, never on its neighbours. `time` in seconds, a number
    or [count], lets clouds, boats, birds, rain and snow move; `caption_variant` picks another
    true caption.
    """
    if start < 0 or count < 1:
        raise ValueError(f"draw needs start >= 0 and count >= 1, got {start} and {count}.")
    where = torch.device(device)
    seeds = seeds_of(name, start, count)
    scenes = scenes_from(seeds)
    seconds = torch.as_tensor(time, dtype=torch.float32).expand(count).numpy()
    stacks: list[Tensor] = []
    with torch.no_grad():
        for at in range(0, count, _STACK):
            part = slice(at, at + _STACK)
            stage = Stage(scenes[part], seeds[part], np.ascontiguousarray(seconds[part]))
            stacks.append(paint(stage, where).planes)
    planes = torch.cat(stacks)
    return Pictures(
        picture=planes[:, :3].clamp(0, 1),
        mask=planes[:, LABEL].long(),
        sketch=planes[:, INK : INK + 1].clamp(0, 1),
        depth=planes[:, DEPTH : DEPTH + 1].clamp(0, 1),
        captions=[caption(scene, caption_variant) for scene in scenes],
        scenes=scenes,
        scene_kind=torch.tensor([scene.kind for scene in scenes], device=where),
    )


def paint(stage: Stage, device: torch.device) -> Canvas:
    """Paint every layer of a stack of pictures, back to front."""
    canvas = blank(len(stage.scenes), device)
    for layer in (gradient, stars, discs, clouds, backdrops, lightning, grounds, things, weather):
        layer(canvas, stage)
    return canvas
