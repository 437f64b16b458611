"""Meters: which expert painted how much of an update, where, and who disagrees."""

from __future__ import annotations

from itertools import combinations
from typing import cast

import torch
from torch import Tensor

from graph.events import Meters
from graph.interfaces import Fused


class Tally:
    """Keeps the meters of one track on the device; the host reads them only when asked.

    An expert's loudness at a place is the norm over channels of its term in the fused update; its
    share is that loudness over the sum of all. The final meters are those of the whole run.
    """

    def __init__(self) -> None:
        self._nodes: tuple[str, ...] = ()
        self._terms: Tensor | None = None
        self._painted: dict[str, Tensor] = {}

    def add(self, nodes: tuple[str, ...], fused: Fused | None) -> None:
        """Take in the update of one step."""
        if fused is None:
            return
        self._nodes, self._terms = nodes, fused.terms
        loudness = _length(fused.terms)
        for node, part in zip(nodes, loudness, strict=True):
            self._painted[node] = self._painted[node] + part if node in self._painted else part

    def now(self) -> Meters:
        """Share and map of the last step, and the agreement of its directions."""
        if self._terms is None:
            return Meters({}, {}, {})
        loudness = dict(zip(self._nodes, _length(self._terms), strict=True))
        return _meters(loudness, self._nodes, self._terms)

    def whole(self) -> Meters:
        """Share and map over all steps, with the agreement at the last one."""
        if self._terms is None:
            return Meters({}, {}, {})
        return _meters(self._painted, self._nodes, self._terms)


def _meters(loudness: dict[str, Tensor], nodes: tuple[str, ...], terms: Tensor) -> Meters:
    """Share per expert (mean over samples) and per place; experts that are all silent share 0."""
    each = torch.stack(list(loudness.values())).float()
    place = each / each.sum(0, keepdim=True).clamp_min(torch.finfo(each.dtype).tiny)
    total = _length(each.flatten(2)) if each.ndim > 2 else each
    share = (total / total.sum(0, keepdim=True).clamp_min(torch.finfo(each.dtype).tiny)).mean(1)
    shares = cast("list[float]", share.tolist())
    return Meters(
        share=dict(zip(loudness, shares, strict=True)),
        map=dict(zip(loudness, place.cpu().numpy(), strict=True)),
        cosine=_cosines(nodes, terms),
    )


def _cosines(nodes: tuple[str, ...], terms: Tensor) -> dict[tuple[str, str], float]:
    """Cosine of every pair of terms, mean over samples; 0 where one of them is silent."""
    flat = torch.nn.functional.normalize(terms.float().flatten(2), dim=2)
    agreement = torch.einsum("ibd,jbd->ij", flat, flat) / terms.shape[1]
    agreement = agreement.clamp(-1.0, 1.0)  # rounding may leave the range by a digit
    table = cast("list[list[float]]", agreement.tolist())
    pairs = combinations(range(len(nodes)), 2)
    return {(nodes[i], nodes[j]): table[i][j] for i, j in pairs}


def _length(vectors: Tensor) -> Tensor:
    """The Euclidean length along dimension 2."""
    return cast("Tensor", torch.linalg.vector_norm(vectors, dim=2))
