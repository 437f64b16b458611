"""The conditions of a row: sentence, class, mask, sketch, depth of the same held-out pictures."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from training.judge.facts import Facts, stated
from training.judge.network import INK
from training.pictures import depth_picture, mask_picture, sketch_picture, to_bytes
from training.world import SCENE_KINDS, draw

DRAW = "judge-conditions"


@dataclass(frozen=True)
class Conditions:
    """What n pictures are asked to show, all of one draw's pictures start..start+n-1.

    Attributes:
        start: number of the first picture.
        pictures: the renders themselves, [n, 3, 128, 128] in [0, 1].
        sentences, classes: one for each.
        mask: int64 [n, 128, 128].
        lines: the sketch's lines, bool [n, 128, 128].
        depth: how near every pixel is, [n, 128, 128] in [0, 1].
        masks, sketches, depths: the same as pictures, as an expert takes them.
        facts: what the sentences state.
    """

    start: int
    pictures: Tensor
    sentences: list[str]
    classes: list[str]
    mask: Tensor
    lines: Tensor
    depth: Tensor
    masks: list[Image.Image]
    sketches: list[Image.Image]
    depths: list[Image.Image]
    facts: list[Facts]

    def __len__(self) -> int:
        return len(self.sentences)

    def only(self, number: int) -> "Conditions":
        """Those of one picture, the first being number 0."""
        return replace(self.picked([number]), start=self.start + number)

    def picked(self, numbers: Sequence[int]) -> "Conditions":
        """Those of some pictures, the first being number 0, one after the other."""

        def rows(value: Any) -> Any:
            return (
                value[list(numbers)] if isinstance(value, Tensor) else [value[i] for i in numbers]
            )

        named = [field.name for field in fields(self) if field.name != "start"]
        return replace(self, **{name: rows(getattr(self, name)) for name in named})

    def of(self, expert: str) -> list[Any]:
        """The conditions of one expert as it takes them; None for the unconditional one."""
        match expert:
            case "text":
                return list(self.sentences)
            case "class":
                return list(self.classes)
            case "mask":
                return list(self.masks)
            case "sketch":
                return list(self.sketches)
            case "depth":
                return list(self.depths)
            case _:
                return [None] * len(self)


def conditions(start: int, count: int, name: str = DRAW) -> Conditions:
    """Render pictures of the judge's own draw and take their conditions."""
    drawn = draw(name, start, count)
    return Conditions(
        start=start,
        pictures=drawn.picture,
        sentences=drawn.captions,
        classes=[SCENE_KINDS[kind] for kind in drawn.scene_kind.tolist()],
        mask=drawn.mask,
        lines=drawn.sketch[:, 0] > INK,
        depth=drawn.depth[:, 0],
        masks=to_images(mask_picture(drawn)),
        sketches=to_images(sketch_picture(drawn)),
        depths=to_images(depth_picture(drawn)),
        facts=[stated(sentence) for sentence in drawn.captions],
    )


def from_images(images: tuple[Image.Image, ...]) -> Tensor:
    """PIL pictures as [n, 3, h, w] in [0, 1]."""
    rows = [torch.frombuffer(bytearray(i.tobytes()), dtype=torch.uint8) for i in images]
    width, height = images[0].size
    return torch.stack(rows).reshape(-1, height, width, 3).movedim(-1, 1).float() / 255


def to_images(pictures: Tensor) -> list[Image.Image]:
    """Pictures [n, 3, h, w] in [0, 1] as PIL pictures."""
    rows = to_bytes(pictures).movedim(1, -1).contiguous().numpy()
    return [Image.fromarray(row) for row in rows]
