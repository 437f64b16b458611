"""`python app.py judge bridge`: what pictures lose on the way to another space and home."""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from graph.bridging import crossed
from graph.scores import Bank
from training.budget import RUNS
from training.judge.conditions import from_images
from training.judge.intervals import interval
from training.judge.measure import BLOCK, Bench
from training.judge.opening import open_bench
from training.judge.rows import FOREIGN, GUIDANCE, bridged, composed
from training.judge.sight import look
from training.judge.summary import fidelity_of, fidelity_rows
from training.judge.verdict import judged
from training.sheet import tile

WAYS: dict[str, tuple[str, ...]] = {
    "home": ("home",),
    "abroad": ("abroad",),
    "home, abroad and home": ("home", "abroad", "home"),
}
"""Ways of a picture: through which latent spaces it goes."""
AT_HOME, BROUGHT = "text + mask, product", "text + mask-fine, bridged"
SHOWN, STEPS = 6, 16
MEASURES = ("mask", "text", "sketch")
Figures = tuple[float, float, float]


@dataclass(frozen=True)
class Way:
    """What is left of pictures at the end of a way.

    Attributes:
        name: of the way.
        psnr: to the render, in dB, with its interval.
        kept: fidelity to what the judge reads from pictures, by condition, with its interval.
        moved: root of the mean square by which the latent at home differs from that of the render.
    """

    name: str
    psnr: Figures
    kept: dict[str, Figures]
    moved: float


def main(argv: Sequence[str]) -> int:
    """Print what was measured; returns the exit status."""
    options = parser().parse_args(argv)
    torch.set_num_threads(1)
    bench = open_bench(RUNS / "judge", options.precision)
    print(told(measured(bench, options.pictures)))
    if options.picture:
        sheet(bench).save(options.picture, quality=88, method=6)
    return 0


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    root = argparse.ArgumentParser(prog="python app.py judge bridge", description=__doc__)
    root.add_argument("--pictures", type=int, default=100, help="held-out pictures a way")
    root.add_argument("--picture", type=Path, help="where a sheet of samples is written")
    root.add_argument("--precision", choices=("float32", "bfloat16"), help="of the networks")
    return root


@torch.inference_mode()
def measured(bench: Bench, pictures: int) -> Iterator[Way]:
    """Every way of the first held-out pictures."""
    banks = {"home": Bank(bench.cast.codec), "abroad": Bank(bench.cast.experts[FOREIGN[0]].codec)}
    plain, home = Bank(), banks["home"]
    for name, stops in WAYS.items():
        rows: list[dict[str, Tensor]] = []
        for start in range(0, pictures, BLOCK):
            asked = bench.conditions(start, min(BLOCK, pictures - start))
            render = state = asked.pictures * 2 - 1
            for here, there in zip(("", *stops), (*stops, ""), strict=True):
                state = crossed(state, banks.get(here, plain), banks.get(there, plain))
            moved = crossed(state, plain, home) - crossed(render, plain, home)
            shown = (state / 2 + 0.5).clamp(0, 1)
            verdict = judged(look(bench.judge, shown), asked)
            error = (shown - asked.pictures).square().mean((1, 2, 3)).clamp(min=1e-10)
            rows.append(
                {each: fidelity_rows(verdict, each, 1) for each in MEASURES}
                | {"psnr": -10 * error.double().log10()[:, None]}
                | {"moved": moved.square().mean((1, 2, 3))[:, None]}
            )
        all_rows = {key: torch.cat([row[key] for row in rows]) for key in rows[0]}
        yield Way(
            name,
            interval(all_rows["psnr"], lambda mean: mean[..., 0]),
            {each: _kept(all_rows[each], each) for each in MEASURES},
            float(all_rows["moved"].mean().sqrt()),
        )


def sheet(bench: Bench, shown: int = SHOWN) -> Image.Image:
    """Masks, and below them what a sentence and the mask paint: at home, over the bridge."""
    at_home = next(row for row in composed(GUIDANCE, STEPS) if row.name == AT_HOME)
    brought = next(row for row in bridged(GUIDANCE, STEPS) if row.name == BROUGHT)
    asked = bench.conditions(0, BLOCK)
    painted = [bench.pictures(row, 0, 0, BLOCK) for row in (at_home, brought)]
    rows = [from_images(tuple(asked.masks)), *painted]
    return tile(torch.cat([each[:shown] for each in rows]), shown)


def _kept(rows: Tensor, condition: str) -> Figures:
    return interval(rows, lambda mean: fidelity_of(mean, condition))


def told(ways: Iterable[Way]) -> str:
    """The figures as lines of Markdown, a row for each way."""
    head = "| through | PSNR, dB | mask mIoU | facts | lines | latent at home moved by |"
    rows = [
        f"| {way.name} | {_figure(way.psnr, 1)} | "
        f"{' | '.join(_figure(way.kept[each], 3) for each in MEASURES)} | {way.moved:.2f} |"
        for way in ways
    ]
    return "\n".join([head, f"|{'---|' * 6}", *rows]) + "\n"


def _figure(figure: Figures, digits: int) -> str:
    value, low, high = (f"{each:.{digits}f}" for each in figure)
    return f"{value} [{low}, {high}]"
