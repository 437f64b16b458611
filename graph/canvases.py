"""Canvases: how large the pictures of a document are, and what sides they may have."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import networkx as nx

from graph.document import OWN, Document
from graph.drawing import NodeId
from graph.errors import ChoraleError
from graph.pipelines import SIZED
from graph.sizes import least_of, step_of


@dataclass(frozen=True, slots=True)
class Canvas:
    """Of one picture the `nodes` that lead to it, and sizes, each width and height in pixels.

    `own` is that of its experts, and the picture's where no other is asked for; `least` is what
    none of them paints less than. Sides are multiples of `step`. `size` is what comes out, of a
    panorama the whole.
    """

    nodes: tuple[NodeId, ...]
    own: tuple[int, int]
    least: tuple[int, int]
    step: int
    size: tuple[int, int]


def canvases(document: Document) -> tuple[Canvas, ...]:
    """The canvas of every picture whose latent space can be told, whatever else is wrong."""
    return tuple(_canvases(document))


def _canvases(document: Document) -> Iterator[Canvas]:
    for output in document.outputs:
        own = next(
            (space.size for _, space in document.incoming_spaces(output, document.spaces)), None
        )
        if own is None:
            continue
        leading = {output, *nx.ancestors(document.graph, output)}
        nodes = tuple(name for name in document.nodes if name in leading)
        sides = [known for name in nodes if (known := _sides(document, name))]
        step = math.lcm(*(step for step, _ in sides))
        least = [max(each) for each in zip(*(least for _, least in sides), strict=True)] or own
        sampling = document.sampling(output)
        asked = sampling.asked_size if sampling else None
        width, height = (side or its for side, its in zip(asked or OWN[0], own, strict=True))
        yield Canvas(
            nodes,
            own,
            (math.ceil(least[0] / step) * step, math.ceil(least[1] / step) * step),
            step,
            (width * (sampling.asked_times if sampling else 1), height),
        )


def _sides(document: Document, name: NodeId) -> tuple[int, tuple[int, int]] | None:
    """The step and the least width and height of an expert that paints at other sizes."""
    node = document.parsed.get(name)
    try:
        model = node.expert(document.library) if node else None
        if model is None or model.pipeline not in SIZED:
            return None
        return step_of(model), least_of(model)
    except ChoraleError:  # the checks of models and sizes say what is wrong with it
        return None
