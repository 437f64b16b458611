"""`python app.py judge loose`: what modulators make of soft masks and coarse sketches."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image, ImageFilter
from torch import Tensor

from graph.checkpoints import load_modulator
from graph.companions import open_companion
from graph.machine import Machine
from training.budget import RUNS
from training.judge.conditions import Conditions, from_images
from training.judge.ensemble import Cast, paint
from training.judge.measure import BLOCK, Bench
from training.judge.metrics import confusion, edge_f1, mean_iou, overlaps
from training.judge.opening import open_bench
from training.judge.rows import BEND, Part, Row
from training.judge.sight import Sight, look
from training.loosening import coarse
from training.world import CLASSES

SOFT = 3.0
"""Radius of the soft masks' borders, in pixels of 128."""
COARSE = 3.0
"""How many times fewer pixels the coarse sketches have on a side."""
STEPS = 16
SHIPPED = "playground/modulator-maps"
MEASURES = {"mask": "mask mIoU", "sketch": "edge F1"}


@dataclass(frozen=True)
class Form:
    """A form of one kind of map: what is made of each, and of how many columns it tells."""

    name: str
    kind: str
    made: Callable[[Image.Image], Image.Image]
    columns: int = 128


def _half(picture: Image.Image) -> Image.Image:
    """The left half; what is to the right is transparent, and so is paper to a sketch."""
    cover = Image.new("L", picture.size)
    cover.paste(255, (0, 0, picture.width // 2, picture.height))
    shown = picture.copy()
    shown.putalpha(cover)
    return shown


FORMS = (
    Form("mask", "mask", lambda mask: mask),
    Form("mask, soft", "mask", lambda mask: mask.filter(ImageFilter.GaussianBlur(SOFT))),
    Form("mask, left half", "mask", _half, 64),
    Form("sketch", "sketch", lambda sketch: sketch),
    Form("sketch, coarse", "sketch", lambda sketch: coarse(sketch, COARSE)),
    Form("sketch, left half", "sketch", _half, 64),
)


def main(argv: Sequence[str]) -> int:
    """Print what was measured; returns the exit status."""
    options = parser().parse_args(argv)
    torch.set_num_threads(1)
    bench = open_bench(RUNS / "judge", options.precision)
    machine = Machine(bench.cast.device, torch.float32)
    for folder in options.folder:
        companion = open_companion(folder.name, folder)
        bench.cast.modulators[str(folder)] = load_modulator(companion, machine)
    names = [SHIPPED, *map(str, options.folder)]
    print(told({name: list(measured(bench, name, options.pictures)) for name in names}))
    return 0


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    root = argparse.ArgumentParser(prog="python app.py judge loose", description=__doc__)
    root.add_argument("--pictures", type=int, default=100, help="held-out pictures a form")
    root.add_argument("--folder", type=Path, nargs="*", default=[], help="more modulators")
    root.add_argument("--precision", choices=("float32", "bfloat16"), help="of the networks")
    return root


def measured(bench: Bench, name: str, pictures: int) -> Iterator[float]:
    """How well the unconditional expert under a modulator keeps each form of a map, where told."""
    for form in FORMS:
        found: list[Tensor] = []
        for start in range(0, pictures, BLOCK):
            asked = bench.conditions(start, min(BLOCK, pictures - start))
            sight = look(bench.judge, _painted(bench.cast, form, asked, name))
            found.append(kept(form, asked, sight))
        scores = torch.cat(found).double()
        yield float(mean_iou(scores.mean(0)) if form.kind == "mask" else scores.mean())


def kept(form: Form, asked: Conditions, sight: Sight) -> Tensor:
    """Of every picture, where the form tells of it: the overlaps of regions, or the F1 of lines."""
    here = slice(form.columns)
    if form.kind == "sketch":
        return edge_f1(asked.lines[:, :, here], sight.lines[:, :, here])
    return overlaps(confusion(asked.mask[:, :, here], sight.regions[:, :, here], len(CLASSES)))


def _painted(cast: Cast, form: Form, asked: Conditions, name: str) -> Tensor:
    """Pictures [n, 3, 128, 128] in [0, 1], painted under this form of the map."""
    part = Part("unconditional", (), 1.0, 1.0, name, (form.kind,), BEND)
    field = {"mask": "masks", "sketch": "sketches"}[form.kind]
    looser = replace(asked, **{field: [form.made(each) for each in asked.of(form.kind)]})
    row = Row(name, "product", (part,), STEPS)
    return from_images(cast.decoded(paint(row, cast, looser, seed=0)))


def told(found: dict[str, list[float]]) -> str:
    """The figures as lines of Markdown, a row for each form."""
    head = f"| told | kept | {' | '.join(found)} |"
    rows = [
        f"| {form.name} | {MEASURES[form.kind]} | "
        f"{' | '.join(f'{each[number]:.3f}' for each in found.values())} |"
        for number, form in enumerate(FORMS)
    ]
    return "\n".join([head, f"|{'---|' * (2 + len(found))}", *rows]) + "\n"
