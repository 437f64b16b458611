"""Measures of pictures against conditions and of sets of pictures against each other."""

import torch
from torch import Tensor
from torch.nn import functional as F


def confusion(true: Tensor, seen: Tensor, classes: int) -> Tensor:
    """Pixels of each true class (rows) seen as each class (columns); [n, h, w] to [n, c, c]."""
    pairs = (true * classes + seen).flatten(1)
    table = torch.zeros(len(pairs), classes * classes, dtype=torch.int64, device=pairs.device)
    table.scatter_add_(1, pairs, torch.ones_like(pairs))
    return table.reshape(-1, classes, classes)


def overlaps(table: Tensor) -> Tensor:
    """Hits, true and seen pixels of each class: the diagonal and the margins; [..., 3, c]."""
    return torch.stack([table.diagonal(dim1=-2, dim2=-1), table.sum(-1), table.sum(-2)], -2)


def class_iou(counts: Tensor) -> Tensor:
    """Hits / (true + seen − hits) of each class; [..., 3, c] to [..., c].

    Everingham et al., The Pascal Visual Object Classes Challenge, 2015, section 4.1.
    """
    hits, true, seen = counts.double().unbind(-2)
    return hits / (true + seen - hits).clamp(min=torch.finfo(torch.float64).tiny)


def mean_iou(counts: Tensor) -> Tensor:
    """Mean IoU over the classes truly present; [..., 3, c] to [...]."""
    present = counts[..., 1, :] > 0
    return (class_iou(counts) * present).sum(-1) / present.sum(-1)


def edge_f1(drawn: Tensor, found: Tensor, reach: int = 1) -> Tensor:
    """Agreement of two line drawings, bool [n, h, w], within `reach` pixels; [n] in [0, 1].

    2PR/(P + R), where P is the share of found pixels with a drawn one near, and R the share of
    drawn pixels with a found one near (Martin, Fowlkes and Malik 2004, without their one-to-one
    matching).
    Two empty drawings agree.
    """
    precision = _near(found, drawn, reach)
    recall = _near(drawn, found, reach)
    return 2 * precision * recall / (precision + recall).clamp(min=1e-12)


def correlation(a: Tensor, b: Tensor) -> Tensor:
    """Pearson's correlation of maps; [n, h, w] to [n] in [-1, 1], 0 where one never changes."""
    x, y = (each.flatten(1) - each.flatten(1).mean(1, keepdim=True) for each in (a, b))
    return F.cosine_similarity(x, y, dim=1)


def _near(some: Tensor, others: Tensor, reach: int) -> Tensor:
    """The share of `some` within `reach` pixels of one of `others`; 1 where there are none."""
    wide = F.max_pool2d(others[:, None].float(), 2 * reach + 1, 1, reach)[:, 0] > 0
    count = some.flatten(1).sum(1)
    hits = (some & wide).flatten(1).sum(1)
    return torch.where(count > 0, hits / count.clamp(min=1), 1.0)


def frechet(a: Tensor, b: Tensor) -> float:
    """Squared Fréchet distance of the Gaussians through two sets of features [n, d].

    |m − m'|² + tr(C + C' − 2·(C·C')^½) (Dowson and Landau 1982; Heusel et al., arXiv 1706.08500).
    """
    a, b = a.double(), b.double()
    first, second = a.T.cov(), b.T.cov()
    values, vectors = torch.linalg.eigh(first)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    cross = torch.linalg.eigvalsh(root @ second @ root).clamp(min=0).sqrt().sum()
    apart = (a.mean(0) - b.mean(0)).square().sum()
    return float(apart + first.trace() + second.trace() - 2 * cross)


def diversity(features: Tensor) -> Tensor:
    """Mean distance between pictures of one condition; [conditions, seeds, d] to [conditions]."""
    seeds = features.shape[1]
    apart = torch.cdist(features.double(), features.double())
    return apart.sum((1, 2)) / (seeds * (seeds - 1))


def ranks(values: Tensor) -> Tensor:
    """Ranks from 0, equal values sharing their mean rank; [n] to [n] float64."""
    below = (values[None] < values[:, None]).sum(1)
    equal = (values[None] == values[:, None]).sum(1)
    return below.double() + (equal.double() - 1) / 2


def spearman(a: Tensor, b: Tensor) -> float:
    """Rank correlation of two series [n]; 0 where one of them never changes."""
    x, y = (r - r.mean() for r in (ranks(a), ranks(b)))
    length = float(x.norm() * y.norm())
    return float(x @ y) / length if length > 0 else 0.0


def above(high: Tensor, low: Tensor) -> Tensor:
    """Which of `high` [n] are above which of `low` [m], [n, m] float64; ½ where they are equal.

    Its mean is the area under the curve of receivers (Mann and Whitney 1947).
    """
    apart = high.double()[:, None] - low.double()
    return (apart.sign() + 1) / 2
