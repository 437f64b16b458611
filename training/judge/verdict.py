"""How well pictures keep the conditions they were made under."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from training.judge.conditions import Conditions
from training.judge.facts import Facts, kept
from training.judge.metrics import confusion, correlation, edge_f1, mean_iou, overlaps
from training.judge.relief import relief
from training.judge.sight import Sight
from training.world import CLASSES

KINDS = ("time", "weather", "ground", "background", "disc", "object", "colour", "size", "place")
ENOUGH = {"mask": 0.75, "sketch": 0.75, "depth": 0.95}
"""A mask is fulfilled from this mean IoU of the picture on, a sketch from this edge F1 on, a depth
map from this correlation on; any two pictures of the world have 0.88."""


@dataclass(frozen=True)
class Verdict:
    """Scores of n pictures against the text, class, mask, sketch and depth of their conditions.

    Attributes:
        facts: kept and stated facts by kind, int64 [n, 9, 2].
        scene: whether ground and time are those of the class, bool [n].
        regions: hits, true and seen pixels of each class, int64 [n, 3, 21].
        lines: edge F1 within one pixel, [n].
        depth: correlation of the depth that the regions imply, [n].
        features: the judge's features, [n, 64].
    """

    facts: Tensor
    scene: Tensor
    regions: Tensor
    lines: Tensor
    depth: Tensor
    features: Tensor

    def __len__(self) -> int:
        return len(self.scene)

    def fidelity(self, condition: str) -> Tensor:
        """Fidelity of each picture to one condition, float64 [n] in [0, 1].

        text: share of the stated facts that are kept; class: 0 or 1; mask: mean IoU over the
        classes in it; sketch: edge F1; depth: correlation, from -1 on.
        """
        match condition:
            case "text":
                held, stated = self.facts.sum(1).double().unbind(-1)
                return held / stated.clamp(min=1)
            case "class":
                return self.scene.double()
            case "mask":
                return mean_iou(self.regions)
            case "depth":
                return self.depth.double()
            case _:
                return self.lines.double()

    def fulfilled(self, condition: str) -> Tensor:
        """Whether each picture fulfils one condition, bool [n]: every fact, or ENOUGH."""
        needed = ENOUGH.get(condition, 1.0)
        return self.fidelity(condition) >= needed

    def tensors(self) -> dict[str, Tensor]:
        """The parts by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def judged(sight: Sight, conditions: Conditions) -> Verdict:
    """Compare what is seen with what was asked for."""
    table = confusion(conditions.mask, sight.regions, len(CLASSES))
    scenes = [f"{facts.ground} {_hour(facts)}" for facts in sight.facts]
    return Verdict(
        facts=torch.stack(
            [_counts(said, seen) for said, seen in zip(conditions.facts, sight.facts, strict=True)]
        ),
        scene=torch.tensor([a == b for a, b in zip(scenes, conditions.classes, strict=True)]),
        regions=overlaps(table),
        lines=edge_f1(conditions.lines, sight.lines),
        depth=correlation(conditions.depth, relief(sight.regions)),
        features=sight.features,
    )


def joined(parts: list[Verdict]) -> Verdict:
    """Verdicts one after the other."""
    return Verdict(
        **{f.name: torch.cat([getattr(p, f.name) for p in parts]) for f in fields(Verdict)}
    )


def _hour(facts: Facts) -> str:
    return f"{'by' if facts.time == 'day' else 'at'} {facts.time}"


def _counts(said: Facts, seen: Facts) -> Tensor:
    counts = torch.zeros(len(KINDS), 2, dtype=torch.int64)
    for kind, held in kept(said, seen):
        counts[KINDS.index(kind)] += torch.tensor([int(held), 1])
    return counts
