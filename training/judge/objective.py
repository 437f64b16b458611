"""What the judge is trained to do, and how well it does it."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from training.judge.data import NO_OBJECT, UNTOLD, Truth
from training.judge.metrics import class_iou, confusion, edge_f1, overlaps
from training.judge.network import INK, LINE, Judge, Reading
from training.world import CLASSES

SCENE_FACTS = ("time", "weather", "ground", "background")
PLACE_FACTS = ("kind", "colour", "size")


def loss_of(judge: Judge, reading: Reading, truth: Truth) -> Tensor:
    """Cross entropies of every head, with the overlap of each region so that thin ones count.

    The overlap term is 1 − the soft Jaccard index over the classes in the batch, the classes alike.
    """
    regions = region_loss(reading.classes, truth.mask.long())
    ink = F.binary_cross_entropy_with_logits(reading.ink, truth.ink.float() / 255)
    scene = sum(F.cross_entropy(getattr(reading, f), getattr(truth, f)) for f in SCENE_FACTS)
    places = sum(
        F.cross_entropy(
            getattr(reading, f).flatten(0, 1), getattr(truth, f).flatten(), ignore_index=UNTOLD
        )
        for f in PLACE_FACTS
    )
    there = (
        (truth.kind[:, :, None] == torch.arange(NO_OBJECT, device=truth.kind.device)).any(1).float()
    )
    presence = F.binary_cross_entropy_with_logits(judge.presence(reading.features), there)
    return regions + 2 * ink + 0.3 * (scene + presence) + 0.5 * places


def region_loss(classes: Tensor, mask: Tensor) -> Tensor:
    """Cross entropy plus 1 − the mean soft Jaccard index over the classes in `mask`.

    Σpq / Σ(p + q − pq) per class, p predicted and q true (Rahman and Wang 2016).
    """
    logs = classes.log_softmax(1)
    hits = logs.gather(1, mask[:, None])[:, 0]
    true = torch.bincount(mask.flatten(), minlength=classes.shape[1]).to(logs)
    both = torch.zeros_like(true).index_add(0, mask.flatten(), hits.exp().flatten())
    index = both / (logs.exp().sum((0, 2, 3)) + true - both)
    return 1 - index[true > 0].mean() - hits.mean()


@dataclass(frozen=True)
class Scores:
    """How well a judge reads renders: accuracy by fact, IoU by class, edge F1; all in [0, 1]."""

    accuracy: dict[str, float]
    iou: dict[str, float]
    edges: float

    @property
    def mean_accuracy(self) -> float:
        """The mean over the kinds of facts."""
        return sum(self.accuracy.values()) / len(self.accuracy)

    @property
    def mean_iou(self) -> float:
        """The mean over the classes."""
        return sum(self.iou.values()) / len(self.iou)


@torch.no_grad()
def examine(judge: Judge, truth: Truth, batch: int = 32) -> Scores:
    """Read held-out renders."""
    where = next(judge.parameters()).device
    right: dict[str, list[Tensor]] = {f: [] for f in SCENE_FACTS + PLACE_FACTS}
    table = torch.zeros(len(CLASSES), len(CLASSES), dtype=torch.int64)
    edges: list[Tensor] = []
    was = judge.training
    judge.eval()
    for at in range(0, len(truth), batch):
        part = truth.rows(slice(at, at + batch)).to(where)
        reading = judge(part.picture.float() / 255)
        for fact, hits in right.items():
            true = getattr(part, fact)
            hit = getattr(reading, fact).argmax(-1) == true
            hits.append(hit[true != UNTOLD].float().cpu())
        seen = reading.classes.argmax(1)
        table += confusion(part.mask.long(), seen, len(CLASSES)).sum(0).cpu()
        edges.append(edge_f1(part.ink.float() / 255 > INK, reading.ink.sigmoid() > LINE).cpu())
    judge.train(was)
    iou = class_iou(overlaps(table))
    there = table.sum(1) > 0
    return Scores(
        accuracy={fact: float(torch.cat(hits).mean()) for fact, hits in right.items()},
        iou={c.name: float(v) for c, v, t in zip(CLASSES, iou, there, strict=True) if t},
        edges=float(torch.cat(edges).mean()),
    )
