"""`python app.py judge meters`: whether the meters know who painted, and who disagrees."""

import argparse
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from training.budget import RUNS
from training.judge.conflict import Area, Conflict, conflict
from training.judge.opening import open_bench
from training.judge.painters import Halves, halves

PAIRS = (("text", "mask"), ("text", "sketch"), ("mask", "sketch"), ("class", "text"))
SIDE, HIGH, GAP, LINE, SHOWN = 196, 132, 12, 22, 6
"""Of a plot and of a caption in pixels; how many pictures are shown."""
GROUND, TEXT, RULE = (21, 22, 28), (232, 230, 225), (70, 71, 80)
ALONG, AGAINST = (111, 207, 151), (239, 125, 107)
Colour = tuple[int, int, int]


def main(argv: Sequence[str]) -> int:
    """Print what was measured; returns the exit status."""
    options = parser().parse_args(argv)
    torch.set_num_threads(1)
    bench = open_bench(RUNS / "judge", options.precision)
    found = [conflict(bench.cast, pair, options.pairs, options.steps) for pair in PAIRS]
    painted = halves(bench.cast, options.pictures, options.steps)
    print(told(found, painted), end="")
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        plotted(found).save(options.out / "conflict.webp", lossless=True)
        shown(painted).save(options.out / "painters.webp", quality=90)
    return 0


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    root = argparse.ArgumentParser(prog="python app.py judge meters", description=__doc__)
    root.add_argument("--pairs", type=int, default=200, help="pairs of conditions of each kind")
    root.add_argument("--pictures", type=int, default=100, help="pictures of two painters")
    root.add_argument("--steps", type=int, default=16, help="steps of the sampler")
    root.add_argument("--precision", choices=("float32", "bfloat16"), help="of the networks")
    root.add_argument("--out", type=Path, metavar="DIR", help="where to draw the figures")
    return root


def told(found: Sequence[Conflict], painted: Halves) -> str:
    """The figures as a table in markdown."""
    lines = [
        "| what | pairs or pictures | AUC | at the last step alone |",
        "|---|---|---|---|",
        *(
            f"| {' and '.join(each.experts)}: agreeing or contradicting "
            f"| {each.agreeing.shape[1]} and {each.contradicting.shape[1]} "
            f"| {_figure(each.area)} | {_figure(each.last)} |"
            for each in found
        ),
        f"| who painted the left half | {len(painted.pictures)} | {_figure(painted.area)} | – |",
    ]
    return "\n".join(lines) + "\n"


def plotted(found: Sequence[Conflict]) -> Image.Image:
    """The cosine over the noise, a plot for each pair of experts: means, and where 80 % lie."""
    panels = [(" and ".join(each.experts), _plot(each)) for each in found]
    return _row(panels, HIGH)


def shown(painted: Halves) -> Image.Image:
    """Some pictures, above the part that the first expert has in each place."""
    size = SIDE // 2
    panels: list[tuple[str, Image.Image]] = []
    for picture, share in list(zip(painted.pictures, painted.shares, strict=True))[:SHOWN]:
        both = Image.new("RGB", (size, 2 * size + 4), GROUND)
        both.paste(picture.resize((size, size), Image.Resampling.LANCZOS))
        both.paste(_tinted(share).resize((size, size), Image.Resampling.NEAREST), (0, size + 4))
        panels.append(("", both))
    return _row(panels, 2 * size + 4)


def _plot(each: Conflict) -> Image.Image:
    image = Image.new("RGB", (SIDE, HIGH), GROUND)
    pen = ImageDraw.Draw(image, "RGBA")
    pen.line([(0, HIGH // 2), (SIDE, HIGH // 2)], fill=RULE)
    for cosines, colour in ((each.contradicting, AGAINST), (each.agreeing, ALONG)):
        low, high = torch.quantile(cosines.double(), torch.tensor([0.1, 0.9]).double(), dim=1)
        edge = [*_points(each.noises, high), *reversed(_points(each.noises, low))]
        pen.polygon(edge, fill=(*colour, 56))
        for ends in pairwise(_points(each.noises, cosines.mean(1))):
            pen.line(ends, fill=colour, width=2)
    return image


def _points(noises: Sequence[float], values: Tensor) -> list[tuple[float, float]]:
    """In a plot: noise falls to the right, and agreement is on top."""
    return [
        ((1 - noise) * SIDE, (1 - value) / 2 * HIGH)
        for noise, value in zip(noises, values.tolist(), strict=True)
    ]


def _tinted(share: Tensor) -> Image.Image:
    """A map of shares [h, w] between the colours of the two."""
    ends = torch.tensor([AGAINST, ALONG]).float()
    light = ends[0] + share[..., None] * (ends[1] - ends[0])
    return Image.fromarray(light.round().byte().numpy())


def _row(panels: Sequence[tuple[str, Image.Image]], high: int) -> Image.Image:
    width = panels[0][1].width
    named = LINE if any(name for name, _ in panels) else 0
    row = Image.new("RGB", (len(panels) * (width + GAP) - GAP, high + named), GROUND)
    pen = ImageDraw.Draw(row)
    for number, (name, panel) in enumerate(panels):
        left = number * (width + GAP)
        row.paste(panel, (left, 0))
        pen.text((left + 2, high + 4), name, fill=TEXT, font=ImageFont.load_default(13))
    return row


def _figure(area: Area) -> str:
    value, low, high = area
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"
