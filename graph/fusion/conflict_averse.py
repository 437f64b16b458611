"""The product without conflicts: no expert undoes what another asks for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, ClassVar, Literal, cast

from graph.background import as_tensors, fill, ground, inner
from graph.interfaces import Estimate, Fused, FusionRule
from graph.levels import NoiseLevel

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

Gram = list[list[float]]


class ConflictAverse(FusionRule):
    """The product, in which an expert gives up the part of its direction that another opposes.

    From every Tᵢ = wᵢ·(Dᵢ − B), and for one other expert j after the other: where ⟨T, Tⱼ⟩ < 0,
    T −= ⟨T, Tⱼ⟩/‖Tⱼ‖²·Tⱼ. That is the gradient surgery of Yu et al. (arXiv 2001.06782,
    algorithm 1). Tⱼ is always the direction as it was, and the result is the mean over all orders
    of the others, so that no expert comes first. Lengths and angles are those of a whole sample.

    Where nobody disagrees this is the product. There is one law that it does not keep: among three
    experts or more, one that is wired twice at half its weight stands in the way twice.
    """

    name: Literal["conflict_averse"] = "conflict_averse"
    needs_background: ClassVar[bool] = True
    most: ClassVar[int | None] = 7

    def __call__(
        self,
        x: Float[Tensor, "b *d"],
        level: NoiseLevel,
        estimates: Sequence[Estimate],
        weights: Sequence[Tensor | float],
        shares: Sequence[float],
        background: Float[Tensor, "b *d"] | None,
    ) -> Fused:
        """Fuse; waits for the device once, to learn who disagrees."""
        faders = as_tensors(weights, x)
        on = ground(x, level, estimates, faders, shares, background)
        terms = fill(
            [w * (e.denoised - on.reference) for w, e in zip(faders, estimates, strict=True)], x
        )
        kept = [_kept(gram) for gram in _grams(terms)]
        ones = (1,) * (x.ndim - 1)
        peaceful = [
            reduce(
                add,
                [
                    x.new_tensor([each[i][j] for each in kept]).reshape(-1, *ones) * term
                    for j, term in enumerate(terms)
                ],
            )
            for i in range(len(terms))
        ]
        return Fused(on.base, fill(peaceful, x))


def _grams(terms: Tensor) -> list[Gram]:
    """⟨Tᵢ, Tⱼ⟩ for every sample, read from the device at once."""
    count = len(terms)
    pairs = [(i, j) for i in range(count) for j in range(i + 1)]
    products = [inner(terms[i], terms[j]) for i, j in pairs]
    table = cast("list[list[float]]", fill(products, products[0]).flatten(1).T.tolist())
    grams: list[Gram] = []
    for sample in table:
        gram = [[0.0] * count for _ in range(count)]
        for (i, j), product in zip(pairs, sample, strict=True):
            gram[i][j] = gram[j][i] = product
        grams.append(gram)
    return grams


def _kept(gram: Gram) -> list[list[float]]:
    """What is kept of every direction, as coefficients of all of them."""
    heard = tuple(j for j, row in enumerate(gram) if row[j] > 0.0)
    return [
        _apart([float(i == j) for j in range(len(gram))], tuple(j for j in heard if j != i), gram)
        for i in range(len(gram))
    ]


def _apart(direction: list[float], others: tuple[int, ...], gram: Gram) -> list[float]:
    """The direction without its conflicts with `others`: the mean over all orders of them.

    Orders that begin alike share their beginning, and where no conflict is left all orders agree.
    """
    along = {
        j: sum(c * row[j] for c, row in zip(direction, gram, strict=True)) / gram[j][j]
        for j in others
    }
    if all(part >= 0.0 for part in along.values()):
        return direction
    total = [0.0] * len(direction)
    for j in others:
        without = list(direction)
        without[j] -= min(along[j], 0.0)
        rest = _apart(without, tuple(o for o in others if o != j), gram)
        total = [have + more for have, more in zip(total, rest, strict=True)]
    return [each / len(others) for each in total]
