"""What the judge names in pictures: facts, regions, lines, features."""

from dataclasses import dataclass

import torch
from torch import Tensor

from training.judge.data import NO_OBJECT
from training.judge.facts import Facts, Thing
from training.judge.network import LINE, Judge, Reading
from training.world import (
    BACKGROUNDS,
    CLASSES,
    COLOURS,
    GROUNDS,
    OBJECT_KINDS,
    PLACES,
    SIZES,
    TIMES,
    WEATHERS,
)

DISC_PIXELS = 12
"""The sun or the moon is seen from this many pixels on."""
_DISCS = {name: [c.name for c in CLASSES].index(name) for name in ("sun", "moon")}


@dataclass(frozen=True)
class Sight:
    """n pictures as the judge names them.

    Attributes:
        facts: what each shows, n long.
        regions: the class of every pixel, int64 [n, 128, 128].
        lines: where a pen would draw, bool [n, 128, 128].
        features: [n, 64].
    """

    facts: list[Facts]
    regions: Tensor
    lines: Tensor
    features: Tensor


@torch.inference_mode()
def look(judge: Judge, pictures: Tensor, batch: int = 32) -> Sight:
    """Let the judge look at pictures [n, 3, 128, 128] in [0, 1]."""
    where = next(judge.parameters()).device
    seen = [_named(judge(part.to(where))) for part in pictures.split(batch)]
    return Sight(
        facts=[facts for sight in seen for facts in sight.facts],
        regions=torch.cat([sight.regions for sight in seen]),
        lines=torch.cat([sight.lines for sight in seen]),
        features=torch.cat([sight.features for sight in seen]),
    )


def _named(reading: Reading) -> Sight:
    regions = reading.classes.argmax(1).cpu()
    heads = ("time", "weather", "ground", "background", "kind", "colour", "size")
    rows = zip(*(getattr(reading, head).argmax(-1).tolist() for head in heads), strict=True)
    facts = [
        Facts(
            TIMES[time],
            WEATHERS[weather],
            GROUNDS[ground],
            BACKGROUNDS[background],
            _disc(region),
            _things(kinds, colours, sizes),
        )
        for (time, weather, ground, background, kinds, colours, sizes), region in zip(
            rows, regions, strict=True
        )
    ]
    lines = reading.ink.sigmoid().cpu() > LINE
    return Sight(facts, regions, lines, reading.features.float().cpu())


def _disc(regions: Tensor) -> str | None:
    """The sun or the moon, whichever covers more, if it covers enough."""
    sizes = {name: int((regions == number).sum()) for name, number in _DISCS.items()}
    name = max(sizes, key=lambda each: sizes[each])
    return name if sizes[name] >= DISC_PIXELS else None


def _things(kinds: list[int], colours: list[int], sizes: list[int]) -> tuple[Thing, ...]:
    return tuple(
        Thing(OBJECT_KINDS[kind], COLOURS[colour], SIZES[size], place)
        for place, kind, colour, size in zip(PLACES, kinds, colours, sizes, strict=True)
        if kind != NO_OBJECT
    )
