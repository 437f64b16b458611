"""What the judge learns from: renders of its own draw with all that is known about them."""

from dataclasses import dataclass, fields
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from training.budget import load_checkpoint, save_atomically
from training.pictures import to_bytes
from training.world import (
    BACKGROUNDS,
    COLOURS,
    GROUNDS,
    OBJECT_KINDS,
    PLACES,
    SIZES,
    TIMES,
    WEATHERS,
    Pictures,
    Scene,
    draw,
)

NO_OBJECT = len(OBJECT_KINDS)
UNTOLD = -1
"""The colour and size of a place without object."""
CHUNK = 64


@dataclass(frozen=True)
class Truth:
    """Pictures with what the judge must see in them; integers, rows belong together.

    Attributes:
        picture: uint8 [n, 3, 128, 128].
        mask: uint8 [n, 128, 128].
        ink: uint8 [n, 128, 128], the sketch.
        time, weather, ground, background: int64 [n].
        kind, colour, size: int64 [n, 3], per place.
    """

    picture: Tensor
    mask: Tensor
    ink: Tensor
    time: Tensor
    weather: Tensor
    ground: Tensor
    background: Tensor
    kind: Tensor
    colour: Tensor
    size: Tensor

    def __len__(self) -> int:
        return len(self.picture)

    def rows(self, chosen: Tensor | slice) -> "Truth":
        """Some of the pictures."""
        return Truth(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    def to(self, where: torch.device) -> "Truth":
        """The same on a device."""
        return Truth(**{field.name: getattr(self, field.name).to(where) for field in fields(self)})


def joined(parts: list[Truth]) -> Truth:
    """Several stacks of pictures as one."""
    return Truth(
        **{f.name: torch.cat([getattr(part, f.name) for part in parts]) for f in fields(Truth)}
    )


def truth_of(pictures: Pictures) -> Truth:
    """Renders as the judge is to see them."""
    return Truth(
        picture=to_bytes(pictures.picture),
        mask=pictures.mask.to(torch.uint8),
        ink=to_bytes(pictures.sketch[:, 0]),
        **facts_of(pictures.scenes),
    )


def facts_of(scenes: list[Scene]) -> dict[str, Tensor]:
    """The facts of scenes as the integers of Truth."""

    def each(words: tuple[str, ...], name: str) -> Tensor:
        return torch.tensor([words.index(getattr(scene, name)) for scene in scenes])

    table = torch.tensor([[_place(scene, place) for place in PLACES] for scene in scenes])
    return {
        "time": each(TIMES, "time"),
        "weather": each(WEATHERS, "weather"),
        "ground": each(GROUNDS, "ground"),
        "background": each(BACKGROUNDS, "background"),
        "kind": table[..., 0],
        "colour": table[..., 1],
        "size": table[..., 2],
    }


def _place(scene: Scene, place: str) -> tuple[int, int, int]:
    for thing in scene.objects:
        if thing.place == place:
            return (
                OBJECT_KINDS.index(thing.kind),
                COLOURS.index(thing.colour),
                SIZES.index(thing.size),
            )
    return NO_OBJECT, UNTOLD, UNTOLD


def pool(name: str, count: int, folder: Path | None = None) -> Truth:
    """The first `count` pictures of a named draw; rendered once if a folder is given."""
    stored = None if folder is None else folder / f"{name}-{count}.pt"
    saved = None if stored is None else load_checkpoint(stored)
    if saved is not None:
        return Truth(**saved)
    starts = range(0, count, CHUNK)
    truth = joined([truth_of(draw(name, at, min(CHUNK, count - at))) for at in starts])
    if stored is not None:
        save_atomically({f.name: getattr(truth, f.name) for f in fields(truth)}, stored)
    return truth


def weathered(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Pictures [n, 3, h, w] in [0, 1] as a codec might return them: softened, noisy, off in tone.

    Each picture has its own amounts; half of them stay as sharp as they were.
    """

    def amount(reach: float) -> Tensor:
        return torch.rand(len(pictures), 1, 1, 1, generator=generator) * reach

    soft = F.avg_pool2d(F.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, 1)
    share = (amount(1.6) - 0.8).clamp(min=0)
    noise = torch.randn(pictures.shape, generator=generator) * amount(0.03)
    bright, contrast = amount(0.08) - 0.04, amount(0.16) - 0.08
    mixed = pictures + (soft - pictures) * share + noise
    return ((mixed - 0.5) * (1 + contrast) + 0.5 + bright).clamp(0, 1)
