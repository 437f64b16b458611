"""Whether the agreement of two experts' directions tells that their conditions contradict."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from training.judge.conditions import Conditions, conditions
from training.judge.ensemble import Cast, tallied
from training.judge.intervals import interval
from training.judge.measure import BLOCK
from training.judge.metrics import above
from training.judge.rows import GUIDANCE, TOGETHER, Part, Row

APART = 500_000
"""From this one on are the pictures that others are contradicted by."""
FIELD = {"text": "sentences", "class": "classes", "mask": "masks", "sketch": "sketches"}
Area = tuple[float, float, float]


@dataclass(frozen=True)
class Conflict:
    """The cosine of two experts' directions, for conditions that agree and that do not.

    Attributes:
        experts: the two.
        noises: where each step began, [steps].
        agreeing, contradicting: the cosine of every pair of conditions at every step, [steps, n].
    """

    experts: tuple[str, str]
    noises: tuple[float, ...]
    agreeing: Tensor
    contradicting: Tensor

    @property
    def area(self) -> Area:
        """P(a pair that agrees has the higher mean over its steps), with a 95 % interval."""
        return area(self.agreeing.mean(0), self.contradicting.mean(0))

    @property
    def last(self) -> Area:
        """The same of the last step alone."""
        return area(self.agreeing[-1], self.contradicting[-1])


def area(high: Tensor, low: Tensor) -> Area:
    """P(one of `high` > one of `low`), [n] each, with a 95 % interval; `i` belongs to `i`."""
    wins = above(high, low)
    return interval(torch.eye(len(high)), lambda drawn: ((drawn @ wins) * drawn).sum(-1))


def conflict(cast: Cast, experts: tuple[str, str], count: int, steps: int) -> Conflict:
    """`count` pairs of conditions of one picture each, and as many that contradict each other."""
    weights = {name: weight * TOGETHER for name, weight in GUIDANCE.items()}
    parts = tuple(Part(name, (name,), weights[name]) for name in experts)
    row = Row("conflict", "product", parts, steps)
    noises: tuple[float, ...] = ()
    found: dict[str, list[Tensor]] = {"agreeing": [], "contradicting": []}
    for start in range(0, count, BLOCK):
        asked = conditions(start, min(BLOCK, count - start))
        for kind, told in zip(found, (asked, contradicted(asked, experts[1])), strict=True):
            tally = tallied(row, cast.afresh(), told, seed=0)[1]
            noises, cosines = tally.agreed()[experts]
            found[kind].append(cosines.cpu())
    return Conflict(experts, noises, **{kind: torch.cat(each, 1) for kind, each in found.items()})


def contradicted(asked: Conditions, expert: str) -> Conditions:
    """The same, but for one expert, which is asked for a picture of another ground.

    A sea is no desert. The pictures are numbered like those that they are contradicted by; where
    that is the mask expert, the mask they are held against is its own.
    """
    others = conditions(APART + asked.start, 4 * len(asked))
    grounds, offered = ([each.ground for each in told.facts] for told in (asked, others))
    taken = others.picked(list(_others(grounds, offered)))
    fields = (FIELD[expert], *(("mask",) if expert == "mask" else ()))
    theirs = {field: getattr(taken, field) for field in fields}
    return replace(asked, start=others.start, **theirs)


def _others(grounds: Sequence[str | None], offered: Sequence[str | None]) -> Iterator[int]:
    """For each ground the first that is offered, is another, and is not taken yet."""
    left = {index: each for index, each in enumerate(offered) if each is not None}
    for ground in grounds:
        index = next(index for index, each in left.items() if each != ground)
        del left[index]
        yield index
