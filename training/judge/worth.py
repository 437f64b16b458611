"""What a guidance expert is worth: what it leaves of the error, what it closes of the gap."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from training.judge.intervals import interval
from training.judge.rows import TUNED, Row
from training.judge.summary import Figure
from training.judge.verdict import Verdict

CLEAN_MODEL, LABELS = "state", "labels"
"""The ways that a gap lies between: the same model as it was, and one that learned from labels."""


@dataclass(frozen=True)
class Worth:
    """A guidance expert beside nobody who leads, and beside those who know more or less.

    Attributes:
        row: its name.
        error: its mean error.
        left: that error over the one of the expert that nobody leads.
        closed: the part of the gap between the clean model and the labels that it closes, or None
            where these were not measured.
    """

    row: str
    error: Figure
    left: Figure
    closed: Figure | None


def worth_of(
    rows: Mapping[str, Row], verdicts: Mapping[str, Verdict], seeds: int
) -> Iterator[Worth]:
    """That of every guidance expert whose expert was measured alone; resampled together."""
    for name, row in rows.items():
        expert, comma, way = name.rpartition(", ")
        if not comma or not way.endswith(f" by {TUNED}") or expert not in verdicts:
            continue
        target = row.parts[0].target
        beside = [f"{expert}, {target} by {each}" for each in (CLEAN_MODEL, LABELS)]
        names = [name, expert, *(beside if all(each in verdicts for each in beside) else ())]
        errors = torch.stack([_errors(verdicts[each], target, seeds) for each in names], 1)
        closed = interval(errors, _closed) if len(names) > 2 else None
        yield Worth(
            name,
            Figure(*interval(errors, lambda means: means[..., 0])),
            Figure(*interval(errors, lambda means: means[..., 0] / means[..., 1])),
            Figure(*closed) if closed else None,
        )


def _closed(means: Tensor) -> Tensor:
    ours, _, clean, labels = means.unbind(-1)
    return (clean - ours) / (clean - labels)


def _errors(verdict: Verdict, target: str, seeds: int) -> Tensor:
    """The mean error of each condition's pictures, float64 [pictures].

    class: share of pictures of another; mask: share of pixels of another class than it has; depth:
    what is missing to a correlation of one.
    """
    if target == "mask":
        hits, true, _ = verdict.regions.sum(-1).double().unbind(-1)
        right = hits / true
    else:
        right = verdict.fidelity(target)
    return (1.0 - right).reshape(seeds, -1).mean(0)
