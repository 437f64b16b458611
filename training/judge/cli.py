"""`python app.py judge`: measure the experts and their fusions, print one table."""

import argparse
import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from fnmatch import fnmatch
from pathlib import Path

import torch
from tqdm import tqdm

from training.budget import RUNS
from training.judge.measure import BLOCK, Bench, broad
from training.judge.opening import open_bench
from training.judge.reference import Reference
from training.judge.rows import (
    GUIDANCE,
    TOGETHER,
    TRIPLE,
    Guidance,
    Row,
    bent,
    beside,
    bridged,
    composed,
    faded,
    guided,
    real,
    rivals,
    ruled,
    searched,
    singles,
)
from training.judge.summary import CONDITIONS, Lead, Line, fader_of, lead_of, line_of
from training.judge.table import Floors, Table, markdown
from training.judge.verdict import Verdict
from training.judge.worth import worth_of

SEARCH_FROM = 100_000
"""The pictures that weights are searched on: from this one on, so that no table has them."""
MARK = "<!-- made by the command below this line -->"


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    root = argparse.ArgumentParser(prog="python app.py judge", description=__doc__)
    root.add_argument("--pictures", type=int, default=500, help="held-out pictures a row")
    root.add_argument("--seeds", type=int, default=3, help="seeds a picture")
    root.add_argument("--steps", type=int, default=16, help="steps of the sampler")
    root.add_argument(
        "--rows", nargs="+", default=["*"], metavar="NAME", help="rows by name: text '*, product'"
    )
    root.add_argument(
        "--guidance",
        metavar="EXPERT=WEIGHT",
        nargs="*",
        type=_weight,
        default=[],
        help="other weights",
    )
    root.add_argument("--search", action="store_true", help="experts at many weights")
    root.add_argument("--guided", action="store_true", help="experts that onlookers lead, instead")
    root.add_argument("--no-faders", action="store_true", help="leave out the reliabilities")
    root.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        help="of the networks; default the machine's",
    )
    root.add_argument("--json", action="store_true", help="print JSON")
    root.add_argument("--out", type=Path, help="a page whose part below its mark is replaced")
    return root


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status. Finished blocks are kept and never made twice."""
    options = parser().parse_args(argv)
    torch.set_num_threads(1)
    bench = open_bench(RUNS / "judge", options.precision)
    table = _measured(bench, options)
    print(json.dumps(asdict(table), indent=2) if options.json else markdown(table))
    if options.out:
        _write(options.out, table, argv)
    return 0


def _measured(bench: Bench, options: argparse.Namespace) -> Table:
    """Sample what is missing, all rows growing together, then summarise."""
    guidance = GUIDANCE | dict(options.guidance)
    rows = _rows(guidance, options)
    rows = [row for row in rows if bench.can(row) and _named(row, options.rows)]
    faders: dict[str, list[Row]] = {}
    if not (options.search or options.guided or options.no_faders):
        faders = {name: faded(name, guidance, options.steps) for name in TRIPLE}
        faders = {name: group for name, group in faders.items() if bench.can(group[0])}
    few = fader_pictures(options.pictures)
    first = SEARCH_FROM if options.search else 0
    blocks = [
        *broad([row for row in rows if not row.parts], options.pictures, 1, first),
        *broad([row for row in rows if row.parts], options.pictures, options.seeds, first),
        *broad([row for group in faders.values() for row in group], few, 1),
    ]
    for row, *where in tqdm(blocks, desc="judge", mininterval=5):
        bench.pictures(row, *where)
    verdicts = {
        row.name: bench.verdict(row, options.pictures, options.seeds if row.parts else 1, first)
        for row in rows
    }
    seconds = {
        row.name: bench.seconds(row, options.pictures, options.seeds, first)
        for row in rows
        if row.parts
    }
    reference = Reference(bench.judge, bench.weights["judge"], bench.cache)
    return Table(
        list(_lines(rows, verdicts, reference, options.seeds, seconds)),
        list(_leads(rows, verdicts, options.seeds)),
        list(worth_of({row.name: row for row in rows}, verdicts, options.seeds)),
        [
            fader_of(name, group, [bench.verdict(row, few, 1) for row in group])
            for name, group in faders.items()
        ],
        _floors(reference, options),
        _settings(bench, guidance, options),
    )


def fader_pictures(pictures: int) -> int:
    """How many pictures the reliabilities are measured on: a quarter, and a block at least."""
    return max(min(BLOCK, pictures), pictures // 4)


def _rows(guidance: Guidance, options: argparse.Namespace) -> list[Row]:
    steps: int = options.steps
    if options.search:
        return searched(steps)
    if options.guided:
        return [*real(), *guided(guidance, steps)]
    return [
        *real(),
        *singles(guidance, steps),
        *composed(guidance, steps),
        *ruled(guidance, steps),
        *bent(guidance, steps),
        *bridged(guidance, steps),
        *rivals(steps),
    ]


def _named(row: Row, patterns: Sequence[str]) -> bool:
    return any(fnmatch(row.name, pattern) for pattern in patterns)


def _lines(
    rows: list[Row],
    verdicts: dict[str, Verdict],
    reference: Reference,
    seeds: int,
    seconds: dict[str, float | None],
) -> Iterator[Line]:
    """The lines, each composed one beside the experts alone where these were measured."""
    alone = {name: verdicts[name] for name in CONDITIONS if name in verdicts}
    for row in rows:
        verdict, many = verdicts[row.name], seeds if row.parts else 1
        yield line_of(row, verdict, many, reference, alone, seconds.get(row.name))


def _leads(rows: list[Row], verdicts: dict[str, Verdict], seeds: int) -> Iterator[Lead]:
    """Each product and each guidance expert against what else does the same."""
    alone = {name: verdicts[name] for name in CONDITIONS if name in verdicts}
    named = {row.name: row for row in rows}
    for name, row in named.items():
        for rival in beside(name, list(named)):
            pair = verdicts[name], verdicts[rival]
            yield lead_of((row, named[rival]), pair, seeds, alone)


def _floors(reference: Reference, options: argparse.Namespace) -> Floors | None:
    """The floors, where there are pictures enough to compare with them."""
    count = options.pictures * options.seeds
    distance = reference.floor(count)
    if distance is None or options.seeds == 1:
        return None
    return Floors(count, distance, reference.retold(options.seeds), reference.any_two())


def _settings(bench: Bench, guidance: Guidance, options: argparse.Namespace) -> dict[str, str]:
    return {
        "Guidance weights": ", ".join(f"{name} {weight:g}" for name, weight in guidance.items()),
        "Share of these in a product of several": f"{TOGETHER:.3g}",
        "Sampler": f"DPM-Solver++ 2M, {options.steps} steps even in log-SNR",
        "Networks": options.precision or "in the machine's precision",
        "Judge": f"SHA-256 `{bench.weights['judge']}`",
    }


def _write(page: Path, table: Table, argv: Sequence[str]) -> None:
    """Replace what stands below the page's mark by the table and its command."""
    above = page.read_text().split(MARK)[0] if page.exists() else "# The judge\n\n"
    command = f"Made with `python app.py judge {shlex.join(argv)}`:"
    page.write_text(f"{above}{MARK}\n\n{command}\n\n{markdown(table)}")


def _weight(text: str) -> tuple[str, float]:
    name, _, weight = text.partition("=")
    if name not in GUIDANCE:
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(GUIDANCE)}, got {name!r}")
    return name, float(weight)
