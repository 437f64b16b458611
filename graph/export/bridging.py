"""Bridging: the way to another latent space and back, and the codecs at both of its ends."""

from __future__ import annotations

from typing import Any

from graph.export import choosing
from graph.export.draft import Draft
from graph.export.wording import last_of, text_of
from graph.library import Model
from graph.plan import Choice, Operation


def bridge(
    draft: Draft,
    operation: Operation,
    home: Model | None,
    abroad: Model | None,
    shape: tuple[int, ...],
) -> tuple[str, str]:
    """The variables of a bridge to states of a shape, and of what it remembers."""
    name = draft.names.of(("bridge", operation.number), operation.node)
    memory = draft.names.of(("memory", operation.number), f"{name}_memory")
    draft.memories[memory] = []
    ends = f"{codec(draft, home)}, {codec(draft, abroad)}"
    seen = draft.shape
    if draft.windows and not draft.away:
        seen = (*seen[:-1], draft.windows.width)
    sizes = _size(home, seen), _size(abroad, shape)
    noise = draft.names.of(("noise", operation.number), f"{name}_noise")
    role = text_of(f"bridge {operation.node}")
    if draft.windows is None:
        draft.open(name, f"{noise} = Draws({role}, {draft.drawn}, shape={shape!r})")
        draft.open(name, f"{name} = Bridge({ends}, {sizes!r}, {noise}())")
    else:
        several = (len(draft.windows.starts), *shape)
        every = f"for each in {noise}().unbind(1)"
        draft.open(name, f"{noise} = Draws({role}, {draft.drawn}, shape={several!r})")
        draft.open(name, f"{name} = [Bridge({ends}, {sizes!r}, each) {every}]")
        name = f"{name}[window]"
    draft.wanted.append(("bridge", "Bridge"))
    return name, draft.remembered(memory)


def shape_of(draft: Draft, operation: Operation) -> tuple[int, ...]:
    """Of the states beyond a bridge, for pictures of the size that is asked for."""
    own: Any = operation["shape"]
    foreign = draft.plan.operations[operation.inputs[0].number]
    while foreign.op != "denoise":
        home = -1 if foreign.op == "bridge" else 0  # what it brings has its anchor's space
        foreign = draft.plan.operations[foreign.inputs[home].number]
    expert = foreign["expert"]
    return own if isinstance(expert, Choice) else draft.model(str(expert)).space.shape


def _size(model: Model | None, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Height and width of the pictures of a model, or of a formula's states."""
    return model.canvas[::-1] if model else shape[1:]


def codec(draft: Draft, model: Model | None) -> str:
    """The variable of what makes colours of the states of a model, or of formulas."""
    module, part = choosing.codec(model) if model else choosing.PIXELS
    space, of = (model.space.id, last_of(model)) if model else ("", "formula")
    name = draft.names.of(("codec", draft.number, space), f"{of}_codec")
    told = choosing.place(model, draft.library) if model and part != "Pixels" else ""
    if name not in draft.opening:
        draft.open(name, f"{name} = {part}({told})")
        draft.wanted.append((module, part))
    return name
