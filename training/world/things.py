"""Where the objects of a scene stand, and the window each is drawn in."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import palette
from .buildings import bridge, house, lighthouse
from .canvas import SIZE, Canvas, Corner
from .crafts import balloon, sailboat
from .nature import birds, tree
from .scene import PLACES, SceneObject, uniform
from .stage import COLUMNS, Stage
from .thing import Thing

# per kind: scale when small and large; window width, rows above and below the foot at scale 1
_SCALES: dict[str, tuple[float, float]] = {
    "sailboat": (1.0, 1.62),
    "house": (1.0, 1.66),
    "tree": (1.0, 1.75),
    "lighthouse": (1.05, 1.75),
    "balloon": (1.0, 1.72),
    "bridge": (1.0, 1.35),
    "birds": (0.92, 1.32),
}
_WINDOWS: dict[str, tuple[float, float, float]] = {
    "sailboat": (30, 30, 12),
    "house": (28, 26, 5),
    "tree": (28, 34, 5),
    "lighthouse": (44, 40, 5),
    "balloon": (26, 13, 24),
    "bridge": (42, 20, 12),
    "birds": (42, 14, 18),
}
_PAINTERS: dict[str, Callable[[Canvas, Thing], None]] = {
    "bridge": bridge,
    "lighthouse": lighthouse,
    "house": house,
    "tree": tree,
    "sailboat": sailboat,
    "balloon": balloon,
    "birds": birds,
}


@dataclass(frozen=True)
class _Placed:
    picture: int
    x: float
    y: float
    scale: float
    depth: float
    thing: SceneObject


def _place(stage: Stage, picture: int, thing: SceneObject, u: list[float]) -> _Placed:
    horizon = float(stage.horizon[picture])
    time = float(stage.time[picture])
    large = thing.size == "large"
    scale = _SCALES[thing.kind][int(large)] * (0.95 + 0.1 * u[0])
    x = COLUMNS[thing.place] + 6 * (u[1] - 0.5)
    if thing.kind == "balloon":
        y = (23 if large else 18) + 16 * u[2] + _swing(time / 5 + u[3]) * 1.5
        return _Placed(picture, x, y, scale, 0.65 if large else 0.45, thing)
    if thing.kind == "birds":
        y = 18 + 16 * u[2] + _swing(time / 2 + u[3]) * 2
        return _Placed(picture, x + 2 * _swing(time / 3 + u[2]), y, scale, 0.5, thing)
    drop = 13 + 15 * u[2] if large else 6 + 7 * u[2]
    if thing.kind == "bridge":
        drop = 5 + 5 * u[2] + 4 * large
    if thing.kind == "sailboat":
        drop += _swing(time / 2 + u[3]) * 0.8
    depth = 0.35 + 0.65 * drop / (SIZE - horizon)
    return _Placed(picture, x, horizon + drop, scale, depth, thing)


def _swing(phase: float) -> float:
    """A triangle wave in [-1,1] of period 1."""
    return 4 * abs(phase - np.floor(phase) - 0.5) - 1


def things(canvas: Canvas, stage: Stage) -> None:
    """Draw every object, kind by kind, far kinds first."""
    groups: dict[tuple[str, str, int, int], list[_Placed]] = {}
    table = uniform(stage.seeds, "things", 24).astype(float).tolist()
    for i, scene in enumerate(stage.scenes):
        for slot, thing in enumerate(scene.objects):
            # keyed by place, so that an object looks the same whatever else is in the scene
            at = 8 * PLACES.index(thing.place)
            u = table[i][at : at + 8]
            variant = int(u[4] * 3) if thing.kind == "tree" else 0
            # a group holds a picture once: windows cut together must not overlap
            key = (thing.kind, thing.size, variant, slot)
            groups.setdefault(key, []).append(_place(stage, i, thing, u))
    order = list(_PAINTERS)
    for key in sorted(groups, key=lambda k: (order.index(k[0]), k)):
        _draw(canvas, stage, key, groups[key])


def _draw(
    canvas: Canvas, stage: Stage, key: tuple[str, str, int, int], group: list[_Placed]
) -> None:
    kind, size, variant, _ = key
    top = _SCALES[kind][int(size == "large")] * 1.05
    span, above, under = (v * top for v in _WINDOWS[kind])
    width, height = _padded(span), _padded(above + under)
    corners = [
        Corner(
            p.picture,
            int(min(max(p.x - span / 2, 0), SIZE - width)),
            int(min(max(p.y - above, 0), SIZE - height)),
        )
        for p in group
    ]
    window = canvas.cut(corners, height, width)
    x, y, scale, depth = (
        canvas.tensor(np.array([getattr(p, name) for p in group], np.float32))[:, None, None]
        for name in ("x", "y", "scale", "depth")
    )
    window.x, window.y, window.scale = (window.x - x) / scale, (window.y - y) / scale, scale
    rows = [p.picture for p in group]
    thing = Thing(
        paint=np.stack([palette.PAINTS[p.thing.colour] for p in group]),
        light=np.stack([palette.light_on_things(stage.scenes[i]) for i in rows]),
        depth=depth,
        scenes=[stage.scenes[i] for i in rows],
        u=np.stack(
            [
                uniform(stage.seeds[p.picture : p.picture + 1], f"thing {p.thing.place}", 6)[0]
                for p in group
            ]
        ),
        variant=variant,
    )
    _PAINTERS[kind](window, thing)
    canvas.paste(window, corners)


def _padded(length: float) -> int:
    """Window sides are multiples of 16, so that rows fill whole vector registers."""
    return min(SIZE, int(-(-length // 16) * 16))
