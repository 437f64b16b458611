"""Bridging: the way to another latent space and back, and the codecs at both of its ends."""

from __future__ import annotations

from graph.export import choosing
from graph.export.draft import Draft
from graph.export.wording import last_of, text_of
from graph.library import Model
from graph.plan import Operation


def bridge(
    draft: Draft, operation: Operation, home: Model, abroad: Model, shape: tuple[int, ...]
) -> tuple[str, str]:
    """The variables of a bridge to states of a shape, and of what it remembers."""
    name = draft.names.of(("bridge", operation.number), operation.node)
    memory = draft.names.of(("memory", operation.number), f"{name}_memory")
    draft.memories[memory] = []
    ends = f"{codec(draft, home)}, {codec(draft, abroad)}"
    sizes = home.canvas[::-1], abroad.canvas[::-1]
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


def codec(draft: Draft, model: Model) -> str:
    """The variable of what makes colours of the states of a model."""
    module, part = choosing.codec(model)
    name = draft.names.of(("codec", draft.number, model.space.id), f"{last_of(model)}_codec")
    told = "" if part == "Pixels" else choosing.place(model, draft.library)
    if name not in draft.opening:
        draft.open(name, f"{name} = {part}({told})")
        draft.wanted.append((module, part))
    return name
