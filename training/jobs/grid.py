"""The grid of pictures that is renewed while a modulator learns."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from graph.levels import NoiseLevel
from graph.parametrisation import Native, answer, steered
from graph.pictures import fit, on_canvas
from graph.preview import plain
from graph.randomness import Draws
from graph.samplers.dpmpp_2m import Dpmpp2M
from graph.schedules.karras import Karras
from graph.writing import write_atomically
from training.modulators import SEED, ModulatorTraining
from training.pairs import Pair

ROWS = 4
STEPS = 12
GAP = 4
GROUND = (128, 128, 128)


class Grid:
    """Held-out pairs, one a row: the maps, what the base paints, what it paints bent, the picture.

    Both are painted from the same noise, without guidance.
    """

    def __init__(self, training: ModulatorTraining, pairs: Sequence[Pair]) -> None:
        self.training, self.pairs = training, pairs[:ROWS]
        self._plain: Sequence[Image.Image] = ()

    @torch.no_grad()
    def write(self, path: Path) -> None:
        """Paint the rows anew, with the average that would be shipped; OSError if disk is full."""
        ema = self.training.trainer.ema
        self._plain = self._plain or self._paint(self._base)
        ema.swap()
        try:
            bent = self._paint(self._bent)
        finally:
            ema.swap()
        content = io.BytesIO()
        self._sheet(bent).save(content, "PNG")
        write_atomically(path, content.getvalue())

    def _base(self, x: Tensor, level: NoiseLevel) -> Tensor:
        examples = self.training.held_out
        return self.training.base.denoise(x, level, examples.conditions[: len(x)]).to(x)

    def _bent(self, x: Tensor, level: NoiseLevel) -> Tensor:
        clean = self._base(x, level)
        if level.sigma == 0.0:
            return clean
        count, module = len(x), self.training.module
        native = Native(level.alpha, level.sigma, level.noise)
        present = {kind: torch.ones(count, dtype=torch.bool) for kind in self.training.task.maps}
        told = self.training.held_out.told(torch.arange(count), present)
        noise = torch.full((count,), level.noise, device=x.device)
        change = module.changes(x, answer("v", clean, x, native), noise, told.to(x))
        return steered(clean, change, native)

    def _paint(self, denoise: Callable[[Tensor, NoiseLevel], Tensor]) -> Sequence[Image.Image]:
        codec = self.training.base.codec
        shape, like = self.training.module.shape, self.training.held_out.states
        draw = Draws(SEED, 0, range(len(self.pairs)), "grid", shape, like)
        levels = Karras().levels(STEPS)
        x = draw() * levels[0].sigma
        for step in Dpmpp2M()(denoise, x, levels, draw):
            x = step.x
        return codec.decode(x) if codec else plain(x)

    def _sheet(self, bent: Sequence[Image.Image]) -> Image.Image:
        kinds, reader = self.training.task.maps, self.training.module.reader
        width, height = bent[0].size
        size = (len(kinds) + 3) * (width + GAP) - GAP, len(bent) * (height + GAP) - GAP
        sheet = Image.new("RGB", size, GROUND)
        for row, pair in enumerate(self.pairs):
            maps = [
                on_canvas(kind, pair.maps[kind], (width, height), reader(kind).palette)
                for kind in kinds
            ]
            real = fit(pair.picture, (width, height))
            for column, each in enumerate((*maps, self._plain[row], bent[row], real)):
                sheet.paste(each, (column * (width + GAP), row * (height + GAP)))
        return sheet
