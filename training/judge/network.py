"""The judge: one small convnet that names the pixels, the lines and the facts of a picture."""

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.world import (
    BACKGROUNDS,
    CLASSES,
    COLOURS,
    GROUNDS,
    OBJECT_KINDS,
    SIZES,
    TIMES,
    WEATHERS,
)

CELLS = ((0, 6), (5, 11), (10, 16))
"""Columns of the 16 × 16 features that see the left, the centre and the right of a picture."""
INK = 0.35
"""A sketch has a line from this much ink on."""
LINE = 0.2
"""The judge sees a line from this probability of ink on: chosen on held-out renders."""


@dataclass(frozen=True)
class Shape:
    """Channels of the judge at 1/2, 1/4, 1/8 and 1/16 of the picture, and of its features."""

    half: int = 32
    quarter: int = 64
    eighth: int = 96
    sixteenth: int = 128
    features: int = 64


@dataclass(frozen=True)
class Reading:
    """What the judge sees in n pictures, as logits.

    Attributes:
        classes: [n, 21, 128, 128], the region of each pixel.
        ink: [n, 128, 128], whether a pen would draw there.
        features: [n, 64], the space of FD-judge and of diversity.
        time, weather, ground, background: [n, 4 or 5].
        kind: [n, 3, 8], the object in each place; the last is none.
        colour, size: [n, 3, 8] and [n, 3, 2] of that object.
    """

    classes: Tensor
    ink: Tensor
    features: Tensor
    time: Tensor
    weather: Tensor
    ground: Tensor
    background: Tensor
    kind: Tensor
    colour: Tensor
    size: Tensor


class Judge(nn.Module):
    """A U-shaped convnet on 2 × 2 pixel blocks, with heads for regions, lines and facts."""

    def __init__(self, shape: Shape | None = None) -> None:
        super().__init__()
        self.shape = shape = shape or Shape()
        self.down1 = _Stage(12, shape.half)
        self.down2 = _Stage(shape.half, shape.quarter)
        self.down3 = _Stage(shape.quarter, shape.eighth)
        self.down4 = _Stage(shape.eighth, shape.sixteenth)
        self.up3 = _Join(shape.sixteenth, shape.eighth)
        self.up2 = _Join(shape.eighth, shape.quarter)
        self.up1 = _Join(shape.quarter, shape.half)
        self.conv_out = nn.Conv2d(shape.half, 4 * (len(CLASSES) + 1), 1)
        self.summary = nn.Linear(2 * shape.sixteenth, shape.features)
        self.scene = nn.ModuleDict(
            {
                name: nn.Linear(shape.features, len(words))
                for name, words in (
                    ("time", TIMES),
                    ("weather", WEATHERS),
                    ("ground", GROUNDS),
                    ("background", BACKGROUNDS),
                    ("presence", OBJECT_KINDS),
                )
            }
        )
        self.place = nn.Linear(2 * (shape.eighth + 2), 96)
        self.kind = nn.Linear(96, len(OBJECT_KINDS) + 1)
        self.colour = nn.Linear(96, len(COLOURS))
        self.size = nn.Linear(96, len(SIZES))

    @property
    def config(self) -> dict[str, int]:
        """What rebuilds this network."""
        return asdict(self.shape)

    def forward(self, pictures: Tensor) -> Reading:
        """Read pictures [n, 3, 128, 128] in [0, 1]."""
        one = self.down1(F.pixel_unshuffle(pictures * 4 - 2, 2))
        two = self.down2(F.max_pool2d(one, 2))
        three = self.down3(F.max_pool2d(two, 2))
        four = self.down4(F.max_pool2d(three, 2))
        inner = self.up3(four, three)
        pixels = self.conv_out(self.up1(self.up2(inner, two), one))
        pixels = F.pixel_shuffle(pixels.float(), 2)
        summary = F.silu(self.summary(_pooled(four))).float()
        places = torch.stack([self._place(inner, *cells) for cells in CELLS], 1)
        return Reading(
            classes=pixels[:, : len(CLASSES)],
            ink=pixels[:, len(CLASSES)],
            features=summary,
            **{
                name: head(summary).float()
                for name, head in self.scene.items()
                if name != "presence"
            },
            kind=self.kind(places).float(),
            colour=self.colour(places).float(),
            size=self.size(places).float(),
        )

    def presence(self, features: Tensor) -> Tensor:
        """Logits of each kind's presence from the features alone, so that they know of objects."""
        return self.scene["presence"](features)

    def _place(self, inner: Tensor, first: int, end: int) -> Tensor:
        """Features [n, 96] of one place: the cells of its columns, each told where it lies."""
        cells = inner[..., first:end]
        across = torch.linspace(-1, 1, end - first).to(cells).expand(cells.shape[2], -1)
        along = torch.linspace(-1, 1, cells.shape[2]).to(cells)[:, None].expand_as(across)
        where = torch.stack([across, along]).expand(len(cells), -1, -1, -1)
        return F.silu(self.place(_pooled(torch.cat([cells, where], 1))))


class _Stage(nn.Sequential):
    """Two 3 × 3 convolutions."""

    def __init__(self, inputs: int, outputs: int) -> None:
        layers: list[nn.Module] = []
        for width in (inputs, outputs):
            layers += [
                nn.Conv2d(width, outputs, 3, padding=1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(inplace=True),
            ]
        super().__init__(*layers)


class _Join(nn.Module):
    """Brings coarse features into finer ones."""

    def __init__(self, coarse: int, fine: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(coarse, fine, 1, bias=False)
        self.mix = nn.Sequential(
            nn.BatchNorm2d(fine),
            nn.Conv2d(fine, fine, 3, padding=1, bias=False),
            nn.BatchNorm2d(fine),
            nn.ReLU(inplace=True),
        )

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """[n, coarse, h/2, w/2] and [n, fine, h, w] to [n, fine, h, w]."""
        return self.mix(fine + F.interpolate(self.narrow(coarse), scale_factor=2, mode="nearest"))


def _pooled(cells: Tensor) -> Tensor:
    """Mean and maximum over the places of [n, c, h, w]; [n, 2c]."""
    flat = cells.flatten(2)
    return torch.cat([flat.mean(-1), flat.amax(-1)], 1)


def fast(judge: Judge) -> Judge:
    """The judge with its weights laid out channels last, which convolutions like best."""
    torch.nn.Module.to(judge, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return judge
