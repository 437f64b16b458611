"""A sentence for one checkpoint or two, with adapters, from workflow to latents."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler
from PIL import Image
from torch import Tensor

from graph.compile import Compiled, compile_workflow
from graph.ensemble import assemble
from graph.library import Library
from graph.player import Player
from graph.runtime import Runtime
from nodes import catalogue
from tests.graph.documents import Nodes, document
from tests.graph.experts.alone import CPU

SENTENCE, GUIDANCE, STEPS = "a red boat", 3.0, 8
DDIM = {
    "steps": STEPS,
    "method": {"name": "ddim"},
    "schedule": {"name": "discrete", "spacing": "trailing"},
}
EULER = {
    "steps": STEPS,
    "method": {"name": "euler"},
    "schedule": {"name": "discrete", "spacing": "leading", "steps_offset": 1},
}


SAMPLERS: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    "ddim": (DDIMScheduler, {"timestep_spacing": "trailing", "set_alpha_to_one": True}, DDIM),
    "euler": (EulerDiscreteScheduler, {}, EULER),
}
"""What adapters are held by: diffusers' scheduler, its changes, and our sampler."""


def stored(library: Library, picture: Image.Image) -> str:
    """The name of a picture put among the library's files."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    return library.assets.put(file.getvalue())


def compiled(
    library: Library,
    adapters: Mapping[str, dict[str, Any]],
    sampler: dict[str, Any] = DDIM,
    experts: Mapping[str, Sequence[str]] | None = None,
    model: str = "base",
    more: Sequence[str] = (),
    beside: Nodes | None = None,
) -> Compiled:
    """Experts of one checkpoint, each with some adapters, which are each shown their `photo`."""
    heard = experts or {"expert": tuple(adapters)}
    nodes: Nodes = {
        "text": ("text", {"text": SENTENCE}),
        "fuse": ("fuse", {}),
        "sampler": ("sampler", {"seed": 3, **sampler}),
        "picture": ("picture", {}),
        **(beside or {}),
    }
    wires = ["fuse.score > picture.score", "sampler.sampling > picture.sampling", *more]
    for name, settings in adapters.items():
        told = dict(settings)
        if "photo" in told:
            nodes[f"photo-{name}"] = ("photo", {"picture": stored(library, told.pop("photo"))})
            wires.append(f"photo-{name}.photo > {name}.photo")
        nodes[name] = ("adapter", told)
    for name, wired in heard.items():
        nodes[name] = ("text_expert", {"model": model, "guidance": GUIDANCE})
        wires += [f"text.text > {name}.text", f"{name}.score > fuse.scores"]
        wires += [f"{each}.adapter > {name}.adapters" for each in wired]
    return compile_workflow(document(nodes, tuple(wires)), catalogue(), library)


def player_of(library: Library, found: Compiled, noise: Tensor | None = None) -> Player:
    """The track of a workflow, from its own noise or this."""
    assert found.plan is not None, found.diagnostics
    (track,) = assemble(found.plan, Runtime(library, CPU)).tracks
    player = Player(track)
    if noise is not None:
        player.x = noise
    return player


def sampled(
    library: Library, found: Compiled, noise: Tensor | None = None, **faders: Any
) -> Tensor:
    """The latents that a workflow ends with, its controls at their defaults or as told."""
    player = player_of(library, found, noise)
    assert found.plan is not None
    values = {each.name: each.default for each in found.plan.controls}
    values |= {name.replace("__", "."): value for name, value in faders.items()}
    with torch.inference_mode():
        for number in range(len(player.track.levels) - 1):
            player.advance(number, values)
    return player.x
