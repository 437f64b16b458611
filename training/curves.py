"""What a modulator learns from how many pairs: trained with equal effort, judged, and drawn."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont

from graph.checkpoints import load_modulator
from graph.companions import open_companion
from graph.machine import Machine
from training.budget import RUNS, Budget
from training.judge.measure import Bench, digest
from training.judge.opening import open_bench
from training.judge.rows import BEND, RIVALS, Part, Row
from training.judge.summary import fidelity_of, fidelity_rows
from training.modulators import ModulatorTraining, Settings, Task
from training.running import advance

PAIRS = (25, 50, 100, 200, 1000)
EXAMPLES = 1600
"""Examples at most: many pairs give fewer views each, so that preparing them takes no longer."""
STEPS = 16
LEARNED = 200
"""Pairs that rivals are made of."""
SIZE, MARGIN = (400, 300), 44
"""Of a panel, and around its plot, in pixels."""
GROUND, TEXT, FAINT = (21, 22, 28), (232, 230, 225), (58, 60, 70)
COLOUR, RIVAL = (242, 180, 92), (108, 197, 224)
MEASURES = {"mask": "mask mIoU", "sketch": "edge F1"}


@dataclass(frozen=True)
class Point:
    """How well a map is kept, told alone, by a network that learned from so many pairs."""

    name: str
    pairs: int
    kept: Mapping[str, float]


def train(pairs: Sequence[int], steps: int | None, minutes: float | None, models: Path) -> None:
    """Train a modulator for each number of pairs that has none yet, all on parts of one draw."""
    torch.set_num_threads(1)
    for count in pairs:
        if not _module(count).exists():
            settings = Settings(views=max(2, min(Settings.views, EXAMPLES // count)))
            task = Task(f"maps-{count}", pairs=count, draw="maps")
            training = ModulatorTraining(task, settings, models)
            advance(training, Budget(steps, minutes))
            training.write(_module(count))


def measure(pairs: Sequence[int], pictures: int, models: Path) -> Iterator[Point]:
    """Judge the modulators of these numbers of pairs, and the rivals that are there."""
    bench = open_bench(RUNS / "judge", "bfloat16", models)
    for name in RIVALS:
        if name in bench.cast.modulators:
            yield _point(bench, name, LEARNED, pictures)
    machine = Machine(bench.cast.device, torch.bfloat16)
    for count in pairs:
        name, folder = f"maps-{count}", _module(count)
        bench.cast.modulators[name] = load_modulator(open_companion(name, folder), machine)
        bench.weights[name] = f"{digest(folder.glob('*.safetensors'))} {machine.precision}"
        yield _point(bench, name, count, pictures)


def _module(count: int) -> Path:
    return RUNS / ModulatorTraining.family / f"maps-{count}" / "module"


def _point(bench: Bench, name: str, pairs: int, pictures: int) -> Point:
    kept: dict[str, float] = {}
    for kind in MEASURES:
        part = Part("unconditional", (), 1.0, 1.0, name, (kind,), BEND)
        verdict = bench.verdict(Row(name, "product", (part,), STEPS), pictures, 1)
        means = fidelity_rows(verdict, kind, 1).mean(0)
        kept[kind] = float(fidelity_of(means, kind))
    return Point(name, pairs, kept)


def table(points: Sequence[Point]) -> str:
    """The points as lines of Markdown."""
    rows = [f"| network | pairs | {' | '.join(MEASURES.values())} |", "|---|---|---|---|"]
    for point in points:
        figures = " | ".join(f"{point.kept[kind]:.3f}" for kind in MEASURES)
        name = point.name if point.name in RIVALS else "modulator"
        rows.append(f"| {name} | {point.pairs} | {figures} |")
    return "\n".join(rows) + "\n"


def plot(points: Sequence[Point]) -> Image.Image:
    """A panel for each map: fidelity over the logarithm of pairs, and a ring for each rival."""
    picture = Image.new("RGB", (len(MEASURES) * SIZE[0], SIZE[1]), GROUND)
    for number, kind in enumerate(MEASURES):
        picture.paste(_panel(points, kind), (number * SIZE[0], 0))
    return picture


def _panel(points: Sequence[Point], kind: str) -> Image.Image:
    panel, counts = Image.new("RGB", SIZE, GROUND), sorted({point.pairs for point in points})
    pen, font = ImageDraw.Draw(panel), ImageFont.load_default(13)
    low, high = (math.log(each) for each in (counts[0], counts[-1]))

    def place(pairs: int, value: float) -> tuple[float, float]:
        across = (math.log(pairs) - low) / max(high - low, 1e-9)
        width, height = SIZE[0] - 2 * MARGIN, SIZE[1] - 2 * MARGIN
        return MARGIN + across * width, MARGIN + (1.0 - value) * height

    for fifth in range(6):
        left, right = (place(each, fifth / 5) for each in (counts[0], counts[-1]))
        pen.line((*left, *right), fill=FAINT)
        pen.text((left[0] - 8, left[1]), f"{fifth / 5:.1f}", TEXT, font, anchor="rm")
    for count in counts:
        x, y = place(count, 0.0)
        pen.text((x, y + 6), str(count), TEXT, font, anchor="ma")
    pen.text((SIZE[0] / 2, SIZE[1] - 4), "pairs", TEXT, font, anchor="ms")
    pen.text((MARGIN, 10), f"{MEASURES[kind]}, told alone", TEXT, font)
    placed = [(point, place(point.pairs, point.kept[kind])) for point in points]
    pen.line([at for point, at in placed if point.name not in RIVALS], COLOUR, width=2)
    for point, (x, y) in placed:
        if point.name in RIVALS:
            pen.ellipse((x - 4, y - 4, x + 4, y + 4), outline=RIVAL, width=2)
            beside, anchor = (x - 9, "r") if x > SIZE[0] / 2 else (x + 9, "l")
            below = RIVALS.index(point.name)  # two that keep as much are read one above the other
            pen.text((beside, y + 16 * below - 8), point.name, RIVAL, font, anchor=f"{anchor}m")
        else:
            pen.ellipse((x - 3, y - 3, x + 3, y + 3), fill=COLOUR)
    return panel
