"""What a model says of pictures, as something that a person sees at a glance."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from graph.companions import GuidanceCard, Target
from graph.guiding import picture
from graph.interfaces import Likelihood
from graph.levels import NoiseLevel
from graph.writing import write_atomically
from training.guidance import SEED, GuidanceTraining, Settings

ROWS: Mapping[Target, int] = {"class": 4, "mask": 2, "depth": 2}
LEVELS = 5
SIDE, GAP, APART = 128, 4, 12
GROUND, DARK, LIGHT, SURE = (128, 128, 128), (21, 22, 28), (232, 230, 225), (242, 180, 92)
LEAST = 1e-3
LINES = 3
Box = tuple[int, int, int, int]


def levels(settings: Settings) -> list[NoiseLevel]:
    """The middles of the ranges, the noisiest first; of many ranges some that lie evenly."""
    count = min(LEVELS, settings.ranges)
    chosen = np.linspace(0, settings.ranges - 1, count).round().astype(int).tolist()
    return [NoiseLevel.from_log_snr(sum(settings.stretch(n)) / 2) for n in chosen]


def pictures(pixels: Tensor) -> list[Image.Image]:
    """Pictures [n, 3, h, w] between −1 and 1, no side longer than SIDE."""
    rows = ((pixels.float() * 0.5 + 0.5).clamp(0.0, 1.0) * 255.0).round().to(torch.uint8)
    found = [Image.fromarray(row) for row in rows.movedim(1, -1).cpu().numpy()]
    for each in found:
        each.thumbnail((SIDE, SIDE))
    return found


def painted(likelihood: Likelihood, card: GuidanceCard, answer: Tensor) -> Image.Image | None:
    """The mask or depth map that a model answers to one picture; None for a class."""
    match card.asks:
        case "class":
            return None
        case "mask":
            colours = np.array([each.colour for each in card.palette], dtype=np.uint8)
            return Image.fromarray(colours[answer.argmax(0).cpu().numpy()])
        case "depth":
            in_metres = getattr(likelihood, "in_metres", False)
            near = answer.clamp_min(LEAST).reciprocal() if in_metres else answer
            near = (near - near.min()) / (near.max() - near.min()).clamp_min(1e-9)
            return Image.fromarray((near * 255).round().to(torch.uint8).cpu().numpy())


@dataclass(frozen=True)
class Layout:
    """Where beneath a picture its answers are drawn: boxes of left, top, width and height."""

    clean: Box
    before: Box
    now: Box
    height: int
    """Of the picture with all that is beneath it."""

    @classmethod
    def of(cls, asks: Target, width: int, height: int) -> Self:
        """Maps as large as the picture, one beneath the other; bars half as large, side by side."""
        if asks != "class":
            down = height + GAP
            boxes = [(0, top, width, height) for top in (down * 3 // 2, down, 2 * down)]
            return cls(*boxes, height=3 * down - GAP)
        half, low = width // 2, height // 2
        before, now = ((left, height, half, low) for left in (0, half))
        return cls((0, height, width, low), before, now, height + low)


class AnswerGrid:
    """Held-out pictures, one a row: clean, and through ever less noise.

    Beneath the clean one is what the model says of it; beneath the others what it said before it
    was taught, and then what it says now. A class is a bar: how sure it is of the class that it
    sees in the clean picture.
    """

    def __init__(self, training: GuidanceTraining) -> None:
        self.training, self.levels = training, levels(training.settings)
        rows, codec = ROWS[training.card.asks], training.base.codec
        states = training.held_out[:rows]
        self._teacher: Tensor = training.told[1][:rows]
        with torch.no_grad():
            parts = states.split(training.block)
            self._clean = [each for part in parts for each in pictures(picture(codec, part))]
            self._seen = [self._shown(states, level) for level in self.levels]
            self._before = self._asked(training.likelihood)
        self._layout = Layout.of(training.card.asks, *self._clean[0].size)

    def _shown(self, states: Tensor, level: NoiseLevel) -> Tensor:
        return self.training.seen(states, level, torch.Generator().manual_seed(SEED))

    def _asked(self, likelihood: Likelihood) -> list[Tensor]:
        pairs = zip(self._seen, self.levels, strict=True)
        return [likelihood.read(seen, level).float() for seen, level in pairs]

    @torch.no_grad()
    def write(self, path: Path) -> None:
        """Ask anew, with the average that would be shipped; OSError if the disk is full."""
        ema = self.training.trainer.ema
        ema.swap()
        try:
            now = self._asked(self.training.student)
        finally:
            ema.swap()
        content = io.BytesIO()
        self._sheet(now).save(content, "PNG")
        write_atomically(path, content.getvalue())

    def _sheet(self, now: list[Tensor]) -> Image.Image:
        layout, across = self._layout, self._clean[0].width + GAP
        down = layout.height + APART
        size = ((1 + len(self.levels)) * across - GAP, len(self._clean) * down - APART)
        sheet = Image.new("RGB", size, GROUND)
        seen = [pictures(each) for each in self._seen]
        for row, clean in enumerate(self._clean):
            top = row * down
            sheet.paste(clean, (0, top))
            self._draw(sheet, (0, top), layout.clean, self._teacher[row], None)
            for number in range(len(self.levels)):
                corner = (1 + number) * across, top
                sheet.paste(seen[number][row], corner)
                right = int(self._teacher[row].argmax())
                for box, answers in ((layout.before, self._before), (layout.now, now)):
                    self._draw(sheet, corner, box, answers[number][row], right)
        return sheet

    def _draw(
        self,
        sheet: Image.Image,
        corner: tuple[int, int],
        box: Box,
        answer: Tensor,
        right: int | None,
    ) -> None:
        """Draw an answer; a class by its name, or as a bar where the `right` one is known."""
        left, top, *size = box
        width, height = size
        found = painted(self.training.likelihood, self.training.card, answer)
        if found is not None:
            panel = found.convert("RGB").resize((width, height), Image.Resampling.NEAREST)
        elif right is None:
            panel = named(self.training.card.labels[int(answer.argmax())], width, height)
        else:
            panel = bar(float(answer.softmax(0)[right]), width, height)
        sheet.paste(panel, (corner[0] + left, corner[1] + top))


def named(label: str, width: int, height: int) -> Image.Image:
    """The name of a class."""
    panel = Image.new("RGB", (width, height), DARK)
    middle: Any = (width / 2, height / 2)
    ImageDraw.Draw(panel).text(
        middle,
        wrapped(label, width),
        fill=LIGHT,
        font=ImageFont.load_default(15),
        anchor="mm",
        align="center",
    )
    return panel


def bar(share: float, width: int, height: int) -> Image.Image:
    """A bar that is so high a share of the panel."""
    panel = Image.new("RGB", (width, height), DARK)
    panel.paste(SURE, (2, height - round(share * height), width - 2, height))
    return panel


def wrapped(text: str, width: int) -> str:
    """A name in lines that fit; what is too long for all of them is cut off."""
    font, lines = ImageFont.load_default(15), [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width - 6:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines[:LINES])
