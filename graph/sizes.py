"""Whether what is sampled can have the size that is asked for, by files alone."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

from graph.errors import ChoraleError, Diagnostic
from graph.folders import denoiser_of, read_json
from graph.library import Library, Model
from graph.pipelines import SIZED
from graph.plan import Choice, Operation, Plan

LEAST = 4
"""Below a quarter of what a network was taught it paints nothing that anybody would know."""
PACKED = {"FluxPipeline": 2}
"""Latent places a side that a pipeline itself makes one token of."""
OWN = "Let the sampler's width and height be 0"


def check(
    plan: Plan, sample: Operation, library: Library, title: Callable[[str], str]
) -> Iterator[Diagnostic]:
    """C008, S019 and S020 for one sampled track; `title` tells what a node is called.

    C008 for what paints at its own size alone, S019 for sides that no whole number of places makes
    up, S020 for a picture that is too small for an expert, or too large.
    """
    asked: Any = dict(plan.operations[sample.inputs[0].number].settings).get("size")
    if asked is None:
        return
    experts: dict[str, Model] = {}
    fixed: dict[str, Diagnostic] = {}
    for each in plan.below(sample):
        if each.op == "modulate":
            fixed[each.node] = _fixed(title(each.node), each.node, "", asked)
        elif each.op == "denoise":
            expert = each["expert"]
            if isinstance(expert, Choice):
                fixed[each.node] = _fixed(title(each.node), each.node, "", asked)
                continue
            model = library.model(str(expert))
            if model.pipeline in SIZED:
                experts[each.node] = model
            elif model.canvas != asked:
                own = f"{_by(model.canvas)} pixels"
                fixed[each.node] = _fixed(title(each.node), each.node, own, asked)
    yield from fixed.values()
    yield from _misfits(sample.node, asked, experts, title)
    for node, model in experts.items():
        yield from _beyond(title(node), node, asked, model)


def _fixed(title: str, node: str, own: str, asked: tuple[int, int]) -> Diagnostic:
    return Diagnostic(
        "C008",
        f"'{title}' paints at its own size alone{f', {own}' if own else ''}; the sampler asks for "
        f"{_by(asked)} pixels.",
        f"{OWN}, or take '{title}' out.",
        node=node,
    )


def _misfits(
    node: str, asked: tuple[int, int], experts: dict[str, Model], title: Callable[[str], str]
) -> Iterator[Diagnostic]:
    """S019, of the picture, if an expert cannot divide it into places."""
    steps = {each: step_of(model) for each, model in experts.items()}
    odd = next((each for each, step in steps.items() if any(side % step for side in asked)), None)
    if odd is not None:
        step = math.lcm(*steps.values())
        near = tuple(max(round(side / step), 1) * step for side in asked)
        yield Diagnostic(
            "S019",
            f"'{title(node)}' is to have {_by(asked)} pixels; '{title(odd)}' paints sides that "
            f"are multiples of {steps[odd]}.",
            f"The nearest that fits is {_by(near)}.",
            node=node,
        )


def _beyond(title: str, node: str, asked: tuple[int, int], model: Model) -> Iterator[Diagnostic]:
    least = least_of(model)
    most = _most(model)
    if any(side < low for side, low in zip(asked, least, strict=True)):
        told = f"it was taught {_by(model.canvas)} and paints at least a quarter of it a side"
        remedy = f"Ask for {_by(least)} or more."
    elif most is not None and max(asked) > most:
        told = f"it has places for {_by((most, most))}"
        remedy = f"Ask for no side over {most}."
    else:
        return
    yield Diagnostic(
        "S020",
        f"'{title}' is asked for {_by(asked)} pixels; {told}.",
        remedy,
        node=node,
    )


def step_of(model: Model) -> int:
    """The pixels of which a side of a model's pictures is a multiple."""
    return model.space.scale * (PACKED.get(model.pipeline) or _told(model, "patch_size") or 1)


def least_of(model: Model) -> tuple[int, int]:
    """The width and height that a model's pictures have at least, in pixels."""
    width, height = model.canvas
    return math.ceil(width / LEAST), math.ceil(height / LEAST)


def _most(model: Model) -> int | None:
    """The pixels of the longest side, where a network has a table of its places."""
    places = _told(model, "pos_embed_max_size")
    return None if places is None else places * step_of(model)


def _told(model: Model, key: str) -> int | None:
    """A count in the network's configuration; ChoraleError M012 for what is none."""
    config = read_json(model.name, denoiser_of(model.folder) / "config.json")
    found: Any = config.get(key)
    if found is None or (type(found) is int and found > 0):
        return found
    raise ChoraleError(
        Diagnostic(
            "M012",
            f"The configuration of '{model.name}' says {key} {json.dumps(found)[:40]}, "
            "expected a whole number above 0.",
            "Copy the model's folder again.",
        )
    )


def _by(size: tuple[int, ...]) -> str:
    return "×".join(map(str, size))
