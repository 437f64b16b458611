"""The product without conflicts."""

from __future__ import annotations

from functools import reduce
from operator import add

import torch
from torch import Tensor

from graph.export.pieces.lengths import inner


def conflict_averse(clean: list[Tensor], weights: list, base: Tensor) -> Tensor:
    """D̂ = B + Σ Tᵢ', the product in which an expert gives up what another opposes.

    From every Tᵢ = wᵢ·(Dᵢ − B), and for one other j after the other: where ⟨T, Tⱼ⟩ < 0,
    T −= ⟨T, Tⱼ⟩/‖Tⱼ‖²·Tⱼ (Yu et al., arXiv 2001.06782, algorithm 1), the mean over all orders of
    the others. Lengths and angles are those of a whole sample.
    """
    terms = [w * (each - base) for w, each in zip(weights, clean)]
    fused = []
    for sample in range(len(base)):
        rows = [term[sample : sample + 1] for term in terms]
        gram = [[float(inner(one, other)) for other in rows] for one in rows]
        heard = [j for j in range(len(rows)) if gram[j][j] > 0]
        kept = [0.0] * len(rows)  # of every direction
        for i in heard:
            alone = [float(i == j) for j in range(len(rows))]
            peaceful = without_conflicts(alone, [j for j in heard if j != i], gram)
            kept = [have + more for have, more in zip(kept, peaceful)]
        update = reduce(add, [part * row for part, row in zip(kept, rows)])
        fused.append(base[sample] + update[0])
    return torch.stack(fused)


def without_conflicts(
    direction: list[float], others: list[int], gram: list[list[float]]
) -> list[float]:
    """Coefficients of a direction freed of its conflicts: the mean over all orders of `others`."""
    along = {j: sum(c * row[j] for c, row in zip(direction, gram)) / gram[j][j] for j in others}
    if all(part >= 0 for part in along.values()):
        return direction
    total = [0.0] * len(direction)
    for j in others:
        freed = list(direction)
        freed[j] -= min(along[j], 0.0)
        rest = without_conflicts(freed, [other for other in others if other != j], gram)
        total = [have + more / len(others) for have, more in zip(total, rest)]
    return total
