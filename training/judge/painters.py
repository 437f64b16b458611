"""Whether "who painted this" names who alone can have known."""

from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from graph.controls import Controls
from graph.fusion.product import Product
from graph.scores import Merge
from training.judge.conditions import DRAW, to_images
from training.judge.conflict import Area
from training.judge.ensemble import Cast, Walked, sampled, voice
from training.judge.intervals import interval
from training.judge.measure import BLOCK
from training.judge.metrics import above
from training.world import draw, mask_to_rgb

THEIRS = (300_000, 400_000)
"""From these on are the pictures whose left half the one knows, and whose right half the other."""


@dataclass(frozen=True)
class Halves:
    """Masks of which one expert is told another left half and the other another right half.

    Attributes:
        masks: what both together ask for, n long.
        pictures: what they painted.
        shares: the part of the first expert in it, by place of the canvas, [n, h, w].
    """

    masks: list[Image.Image]
    pictures: tuple[Image.Image, ...]
    shares: Tensor

    @property
    def areas(self) -> Tensor:
        """For each picture P(a place on the left has more of the first than one on the right)."""
        middle = self.shares.shape[-1] // 2
        sides = zip(self.shares[..., :middle], self.shares[..., middle:], strict=True)
        return torch.stack([above(left.flatten(), right.flatten()).mean() for left, right in sides])

    @property
    def area(self) -> Area:
        """Its mean over the pictures, with a 95 % interval."""
        return interval(self.areas[:, None], lambda means: means[..., 0])


def halves(cast: Cast, count: int, steps: int) -> Halves:
    """`count` pictures by two experts over a background that is asked for the mask as it was.

    All are the mask expert, so that one alone can have known what is new on the left, and one what
    is new on the right: what they are measured against knows all the rest.
    """
    masks: list[Image.Image] = []
    pictures: list[Image.Image] = []
    shares: list[Tensor] = []
    for start in range(0, count, BLOCK):
        many = min(BLOCK, count - start)
        ground, first, second = (draw(DRAW, at + start, many).mask for at in (0, *THEIRS))
        asked = _halved(first, ground), _halved(ground, second), ground
        one, other, known = (
            voice(name, "mask", cast.asked("mask", to_images(mask_to_rgb(mask))), cast)
            for name, mask in zip(("one", "other", "known"), asked, strict=True)
        )
        score = Merge("halves", Product(), (one, other), known)
        numbers = range(start, start + many)
        states, tally = sampled(score, cast, numbers, 0, Walked(steps), Controls(()))
        masks += to_images(mask_to_rgb(_halved(first, second)))
        pictures += cast.decoded(states)
        shares.append(torch.from_numpy(tally.whole().map["one"]))
    return Halves(masks, tuple(pictures), torch.cat(shares))


def _halved(left: Tensor, right: Tensor) -> Tensor:
    """The left half of one mask [n, h, w] beside the right half of the other."""
    middle = left.shape[-1] // 2
    return torch.cat([left[..., :middle], right[..., middle:]], -1)
