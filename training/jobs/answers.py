"""What a model says of pictures, as something that a person sees at a glance."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from graph.companions import GuidanceCard
from graph.interfaces import Likelihood
from graph.levels import NoiseLevel
from graph.writing import write_atomically
from training.guidance import SEED, GuidanceTraining, Settings

ROWS, LEVELS = 4, 5
SIDE, GAP = 128, 4
GROUND, DARK, LIGHT, SURE = (128, 128, 128), (21, 22, 28), (232, 230, 225), (242, 180, 92)
LEAST = 1e-3
LINES = 3


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


class AnswerGrid:
    """Held-out pictures, one a row: clean, and through ever less noise.

    Beneath the clean one is what the model says of it. Beneath the others are what it said before
    it was taught, at the left, and what it says now. A class is a bar: how sure it is of the class
    that it sees in the clean picture.
    """

    def __init__(self, training: GuidanceTraining) -> None:
        self.training, self.levels = training, levels(training.settings)
        states, codec = training.held_out[:ROWS], training.base.codec
        self._teacher: Tensor = training.told[1][:ROWS]
        with torch.no_grad():
            self._clean = pictures(states if codec is None else codec.pixels(states))
            self._seen = [self._shown(states, level) for level in self.levels]
            self._before = self._asked(training.likelihood)

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
        width, height = self._clean[0].size
        half = (width // 2, height // 2)
        across, down = width + GAP, height + half[1] + GAP
        size = ((1 + len(self.levels)) * across - GAP, len(self._clean) * down - GAP)
        sheet = Image.new("RGB", size, GROUND)
        seen = [pictures(each) for each in self._seen]
        for row, clean in enumerate(self._clean):
            top, below = row * down, row * down + height
            sheet.paste(clean, (0, top))
            self._say(sheet, (0, below, width, half[1]), row)
            for number in range(len(self.levels)):
                left = (1 + number) * across
                sheet.paste(seen[number][row], (left, top))
                for place, answers in enumerate((self._before, now)):
                    box = left + place * half[0], below, *half
                    self._draw(sheet, box, answers[number][row], row)
        return sheet

    def _say(self, sheet: Image.Image, box: tuple[int, int, int, int], row: int) -> None:
        """What the model says of a clean picture."""
        left, top, width, height = box
        training, told = self.training, self._teacher[row]
        found = painted(training.likelihood, training.card, told)
        if found is None:
            panel = Image.new("RGB", (width, height), DARK)
            text = wrapped(training.card.labels[int(told.argmax())], width)
            font = ImageFont.load_default(15)
            middle: Any = (width / 2, height / 2)
            ImageDraw.Draw(panel).text(
                middle, text, fill=LIGHT, font=font, anchor="mm", align="center"
            )
            sheet.paste(panel, (left, top))
        else:
            sheet.paste(found.convert("RGB").resize((width // 2, height)), (left + width // 4, top))

    def _draw(
        self, sheet: Image.Image, box: tuple[int, int, int, int], answer: Tensor, row: int
    ) -> None:
        """What it says of a noisy one."""
        left, top, width, height = box
        found = painted(self.training.likelihood, self.training.card, answer)
        if found is not None:
            sharp = Image.Resampling.NEAREST
            sheet.paste(found.convert("RGB").resize((width, height), sharp), (left, top))
            return
        share = float(answer.softmax(0)[self._teacher[row].argmax()])
        panel = Image.new("RGB", (width, height), DARK)
        panel.paste(SURE, (2, height - round(share * height), width - 2, height))
        sheet.paste(panel, (left, top))


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
