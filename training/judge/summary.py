"""A row of the table from its verdict, with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from training.judge.intervals import Statistic, interval
from training.judge.metrics import diversity, mean_iou, spearman
from training.judge.reference import Reference
from training.judge.rows import Row
from training.judge.verdict import KINDS, Verdict
from training.world import CLASSES

CONDITIONS = ("text", "class", "mask", "sketch", "depth")


@dataclass(frozen=True)
class Figure:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Line:
    """One line of the table.

    Attributes:
        name, asks, calls: of its row.
        seconds: of a processor, for sampling a picture; None where nothing was sampled.
        pictures, seeds: how many conditions, each under how many seeds.
        fidelity: to every condition, asked for or not.
        together: share of pictures that fulfil all that is asked, or None where nothing is.
        keeps: the least of fidelity over the fidelity of the expert alone, or None.
        distance: FD-judge, or None with too few pictures.
        spread: diversity under one condition, or None with one seed.
        facts: share of stated facts kept, by kind.
    """

    name: str
    asks: tuple[str, ...]
    calls: int
    seconds: float | None
    pictures: int
    seeds: int
    fidelity: dict[str, Figure]
    together: Figure | None
    keeps: Figure | None
    distance: float | None
    spread: Figure | None
    facts: dict[str, float]


def fidelity_rows(verdict: Verdict, condition: str, seeds: int) -> Tensor:
    """What the fidelity to a condition is a function of the mean of: [pictures, k]."""
    rows = (
        verdict.regions.flatten(1) if condition == "mask" else verdict.fidelity(condition)[:, None]
    )
    return rows.double().reshape(seeds, len(verdict) // seeds, -1).mean(0)


def fidelity_of(means: Tensor, condition: str) -> Tensor:
    """Fidelity from the mean row, [..., k] to [...]; for a mask the IoU of the pooled pixels."""
    if condition == "mask":
        return mean_iou(means.unflatten(-1, (3, -1)))
    return means[..., 0]


def line_of(
    row: Row,
    verdict: Verdict,
    seeds: int,
    reference: Reference,
    alone: dict[str, Verdict],
    seconds: float | None,
) -> Line:
    """Summarise; `alone` holds the verdict of each single expert over the same conditions."""
    pictures = len(verdict) // seeds
    asks = tuple(ask for ask in row.asks if ask in CONDITIONS)
    features = verdict.features.reshape(seeds, pictures, -1)
    spread = diversity(features.transpose(0, 1))[:, None] if seeds > 1 else None
    compared = len(asks) > 1 and all(ask in alone for ask in asks)
    held, stated = verdict.facts.sum(0).double().unbind(-1)
    return Line(
        name=row.name,
        asks=asks,
        calls=row.calls,
        seconds=seconds,
        pictures=pictures,
        seeds=seeds,
        fidelity={c: _fidelity(verdict, c, seeds) for c in CONDITIONS},
        together=_together(verdict, asks, seeds) if asks else None,
        keeps=_keeps(verdict, asks, seeds, alone) if compared else None,
        distance=reference.distance(verdict.features),
        spread=None if spread is None else Figure(*interval(spread, lambda means: means[..., 0])),
        facts={kind: float(h / s) for kind, h, s in zip(KINDS, held, stated, strict=True) if s > 0},
    )


def _fidelity(verdict: Verdict, condition: str, seeds: int) -> Figure:
    rows = fidelity_rows(verdict, condition, seeds)
    return Figure(*interval(rows, lambda means: fidelity_of(means, condition)))


def _together(verdict: Verdict, asks: Sequence[str], seeds: int) -> Figure:
    return Figure(*interval(_every(verdict, asks, seeds), lambda means: means[..., 0]))


def _every(verdict: Verdict, asks: Sequence[str], seeds: int) -> Tensor:
    """How often each condition's pictures fulfil all that is asked, [pictures, 1]."""
    every = torch.stack([verdict.fulfilled(ask) for ask in asks]).all(0).double()
    return every.reshape(seeds, -1).mean(0)[:, None]


def _keeps(verdict: Verdict, asks: Sequence[str], seeds: int, alone: dict[str, Verdict]) -> Figure:
    """The least ratio to the expert alone, both resampled over the same conditions."""
    return Figure(*interval(_beside(verdict, asks, seeds, alone), partial(_least, asks=asks)))


def _beside(verdict: Verdict, asks: Sequence[str], seeds: int, alone: dict[str, Verdict]) -> Tensor:
    """What `_least` is a function of the mean of, [pictures, k]."""
    both = ((verdict, alone[ask]) for ask in asks)
    return torch.cat(
        [
            fidelity_rows(each, ask, seeds)
            for pair, ask in zip(both, asks, strict=True)
            for each in pair
        ],
        1,
    )


def _least(means: Tensor, asks: Sequence[str]) -> Tensor:
    """The least fidelity over that of the expert alone, of rows as `_beside` has them."""
    widths = [3 * len(CLASSES) if ask == "mask" else 1 for ask in asks for _ in range(2)]
    split = means.split(widths, -1)
    ratios = [
        fidelity_of(split[2 * i], ask) / fidelity_of(split[2 * i + 1], ask)
        for i, ask in enumerate(asks)
    ]
    return torch.stack(ratios).amin(0)


@dataclass(frozen=True)
class Lead:
    """By how much a row is ahead of another way to the same end.

    Attributes:
        row, rival: the names of both.
        fidelity: difference of the fidelities to each condition that is asked.
        together: difference of the shares of pictures that fulfil all at once.
        keeps: difference of what is kept of the experts alone, or None where these are missing.
    """

    row: str
    rival: str
    fidelity: dict[str, Figure]
    together: Figure
    keeps: Figure | None


def lead_of(
    rows: tuple[Row, Row],
    verdicts: tuple[Verdict, Verdict],
    seeds: int,
    alone: dict[str, Verdict],
) -> Lead:
    """Differences of the same conditions' pictures; both rows are resampled together."""
    ahead, behind = verdicts
    asks = rows[0].asks
    least = partial(_least, asks=asks)
    return Lead(
        rows[0].name,
        rows[1].name,
        {
            ask: _ahead(
                fidelity_rows(ahead, ask, seeds),
                fidelity_rows(behind, ask, seeds),
                partial(fidelity_of, condition=ask),
            )
            for ask in asks
        },
        _ahead(
            _every(ahead, asks, seeds), _every(behind, asks, seeds), lambda means: means[..., 0]
        ),
        _ahead(_beside(ahead, asks, seeds, alone), _beside(behind, asks, seeds, alone), least)
        if all(ask in alone for ask in asks)
        else None,
    )


def _ahead(ours: Tensor, theirs: Tensor, statistic: Statistic) -> Figure:
    def difference(means: Tensor) -> Tensor:
        mine, other = means.chunk(2, -1)
        return statistic(mine) - statistic(other)

    return Figure(*interval(torch.cat([ours, theirs], 1), difference))


@dataclass(frozen=True)
class Fader:
    """Fidelity to an expert's condition at rising reliabilities, and whether it rises with them."""

    expert: str
    levels: tuple[float, ...]
    fidelity: tuple[float, ...]
    spearman: Figure
    pictures: int


def fader_of(expert: str, rows: Sequence[Row], verdicts: Sequence[Verdict]) -> Fader:
    """Rank correlation of reliability and fidelity over the levels."""
    parts = [fidelity_rows(verdict, expert, 1) for verdict in verdicts]
    width = parts[0].shape[1]
    steps = torch.arange(len(parts)).double()

    def curve(means: Tensor) -> Tensor:
        return torch.stack([fidelity_of(part, expert) for part in means.split(width, -1)], -1)

    def correlation(means: Tensor) -> Tensor:
        curves = curve(means).reshape(-1, len(parts))
        return torch.tensor([spearman(steps, each) for each in curves]).double().squeeze()

    together = torch.cat(parts, 1)
    levels = [next(p.fader for p in row.parts if p.expert == expert) for row in rows]
    return Fader(
        expert,
        tuple(levels),
        tuple(curve(together.mean(0)).tolist()),
        Figure(*interval(together, correlation)),
        len(verdicts[0]),
    )
