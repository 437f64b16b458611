"""Meters: which expert painted how much of an update, where, and who disagrees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import cast

import torch
from torch import Tensor

from graph.events import Course, Meters
from graph.interfaces import Fused
from graph.levels import NoiseLevel

Pair = tuple[str, str]


class Tally:
    """Keeps the meters of one track on the device; the host reads them only when asked.

    An expert's loudness at a place is the norm over channels of its term in the fused update; its
    share is that loudness over the sum of all. The final meters are those of the whole run.
    Two experts agree by the cosine of their terms, which is followed from step to step.
    """

    def __init__(self) -> None:
        self._nodes: tuple[str, ...] = ()
        self._terms: Tensor | None = None
        self._painted: dict[str, Tensor] = {}
        self._agreed: dict[Pair, list[tuple[float, Tensor]]] = {}

    def add(self, nodes: tuple[str, ...], fused: Fused | None, level: NoiseLevel) -> None:
        """Take in the update of one step, made at `level`."""
        if fused is None:
            return
        self._nodes, self._terms = nodes, fused.terms
        loudness = _length(fused.terms)
        for node, part in zip(nodes, loudness, strict=True):
            self._painted[node] = self._painted[node] + part if node in self._painted else part
        for pair, cosine in _cosines(nodes, fused.terms):
            self._agreed.setdefault(pair, []).append((level.noise, cosine))

    def agreed(self) -> dict[Pair, tuple[tuple[float, ...], Tensor]]:
        """Of every pair the noises at which both were heard, and their cosine there, [steps, b]."""
        return {
            pair: (tuple(noise for noise, _ in rows), torch.stack([each for _, each in rows]))
            for pair, rows in self._agreed.items()
        }

    def now(self) -> Meters:
        """Share and map of the last step, and the agreement of its directions."""
        if self._terms is None:
            return Meters({}, {}, {})
        loudness = dict(zip(self._nodes, _length(self._terms), strict=True))
        return _meters(loudness, self._last())

    def whole(self) -> Meters:
        """Share and map over all steps, the agreement at the last one, and its course."""
        if self._terms is None:
            return Meters({}, {}, {})
        return replace(_meters(self._painted, self._last()), course=self._course())

    def _last(self) -> dict[Pair, Tensor]:
        return {pair: self._agreed[pair][-1][1] for pair in combinations(self._nodes, 2)}

    def _course(self) -> dict[Pair, Course]:
        """The mean cosine over the samples, of every pair; the device is asked once."""
        points = [(pair, noise) for pair, rows in self._agreed.items() for noise, _ in rows]
        means = _means([each for rows in self._agreed.values() for _, each in rows])
        course: dict[Pair, Course] = {}
        for (pair, noise), mean in zip(points, means, strict=True):
            course[pair] = (*course.get(pair, ()), (noise, mean))
        return course


def _meters(loudness: dict[str, Tensor], agreement: dict[Pair, Tensor]) -> Meters:
    """Share per expert (mean over samples) and per place; experts that are all silent share 0."""
    each = torch.stack(list(loudness.values())).float()
    place = each / each.sum(0, keepdim=True).clamp_min(torch.finfo(each.dtype).tiny)
    total = _length(each.flatten(2)) if each.ndim > 2 else each
    share = (total / total.sum(0, keepdim=True).clamp_min(torch.finfo(each.dtype).tiny)).mean(1)
    shares = cast("list[float]", share.tolist())
    return Meters(
        share=dict(zip(loudness, shares, strict=True)),
        map=dict(zip(loudness, place.cpu().numpy(), strict=True)),
        cosine=dict(zip(agreement, _means(list(agreement.values())), strict=True)),
    )


def _means(rows: list[Tensor]) -> list[float]:
    """The mean of each."""
    return cast("list[float]", torch.stack(rows).mean(1).tolist()) if rows else []


def _cosines(nodes: tuple[str, ...], terms: Tensor) -> Iterator[tuple[Pair, Tensor]]:
    """Cosine of every pair of terms, [b] each; 0 where one of them is silent."""
    flat = torch.nn.functional.normalize(terms.float().flatten(2), dim=2)
    agreement = torch.einsum("ibd,jbd->ijb", flat, flat)
    agreement = agreement.clamp(-1.0, 1.0)  # rounding may leave the range by a digit
    for i, j in combinations(range(len(nodes)), 2):
        yield (nodes[i], nodes[j]), agreement[i, j]


def _length(vectors: Tensor) -> Tensor:
    """The Euclidean length along dimension 2."""
    return cast("Tensor", torch.linalg.vector_norm(vectors, dim=2))
