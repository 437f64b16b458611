"""Bending: estimates that companions change, and what these are told."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from PIL import Image

from graph.companions import GuidanceCard, ModulatorCard, guidance_card, modulator_card
from graph.export import choosing
from graph.export.draft import Draft
from graph.export.wording import call_of, line_of, png_of, text_of
from graph.pictures import fit, nearness, on_canvas, prepare, quantise, shares, squeezed
from graph.plan import Condition, Operation
from graph.sight import sight_of

READERS = {"depth": "nearness_of_depth", "mask": "colours_of_mask", "sketch": "ink_of_sketch"}
PARTS = {"mask": 2, "depth": 4}
"""How many parts a side of a place has at most; a sketch has as many as pixels."""


def modulator(draft: Draft, operation: Operation) -> tuple[str, str]:
    """The variables of a modulator and of the maps that it is told."""
    companion = draft.library.companion(str(operation["model"]))
    card = modulator_card(companion)
    part = choosing.companion("modulators", companion)
    if part is None:
        raise LookupError(companion.name)
    key = ("modulator", draft.number, companion.name)
    name = draft.names.of(key, companion.name.rpartition("/")[2])
    draft.wanted += [(part.module, part.name), ("maps", "stacked")]
    draft.open(name, f"{name} = {part.name}({text_of(companion.name)})")
    told: Any = operation["maps"]
    given = {each.kind: each for each in told}
    read = [
        _map(draft, operation, name, card, given[kind])
        if kind in given
        else _none(draft, card, kind)
        for kind in card.maps
    ]
    whole = f"stacked([{', '.join(map(draft.told, read))}])"
    if draft.windows:  # every window has its own
        return name, whole
    maps = draft.names.of(("maps", operation.number), "maps")
    draft.open(name, f"{maps} = {whole}")
    return name, maps


def likelihood(
    draft: Draft, operation: Operation, codec: str, painted: tuple[int, int] | None
) -> str:
    """The variable of what says how likely the target of a guidance is.

    `codec` makes pictures of the states, of the size `painted`, (w, h), where that is known.
    """
    companion = draft.library.companion(str(operation["model"]))
    card = guidance_card(companion)
    part = choosing.companion("likelihoods", companion)
    if part is None:
        raise LookupError(companion.name)
    looks = "Onlooker" if card.ranges is None else "OnlookerInNoise"
    look = draft.names.of(
        ("onlooker", draft.number, companion.name), companion.name.rpartition("/")[2]
    )
    sight = sight_of(companion)
    seen = f"{sight.size!r}, {sight.image_mean!r}, {sight.image_std!r}"
    draft.open(look, f"{look} = {looks}({text_of(companion.name)}, {seen})")
    draft.wanted += [(part.module, part.name), ("onlookers", looks)]
    name = draft.names.of(("likely", operation.number), f"{operation.node}_target")
    told, note, shown = _target(draft, operation, card, sight.canvas, painted)
    # by itself: models that look at pictures of two spaces come before the codec of the second
    draft.tell(name, name, f"{part.name}({look}, {codec}, {told}){note}", shown=shown)
    return draft.told(name)


def followed(draft: Draft, operation: Operation, known: Mapping[str, str]) -> str:
    """The call of a guidance method, by what else is known of its parameters."""
    choice: Any = operation["method"]
    chosen = choosing.chosen("guidance", choice)
    if chosen is None:
        raise LookupError(str(choice))
    draft.wanted.append((chosen.part.module, chosen.part.name))
    told = {"x": draft.state, "level": "level", **known}
    if draws(operation):
        name = draft.names.of(("draw", operation.number), f"{operation.node}_draw")
        role = text_of(f"guidance {operation.node}")
        shape, places = draft.shape, "[(..., here) for here in windows]"
        if draft.windows and draft.away:  # every window has its own there
            count = len(draft.windows.starts)
            shape, places = (count, *shape), f"[(slice(None), n) for n in range({count})]"
        drawn = f"Draws({role}, {draft.drawn}, shape={shape!r})"
        if draft.windows:
            draft.wanted.append(("windows", "DrawnByWindows"))
            drawn = f"DrawnByWindows({drawn}, {places})"
        draft.open(name, f"{name} = {drawn}")
        told["draw"] = f"{name}.of(window)" if draft.windows else name
    return call_of(chosen, told)


def draws(guide: Operation) -> bool:
    """Whether a guidance draws at random."""
    choice: Any = guide["method"]
    chosen = choosing.chosen("guidance", choice)
    return chosen is not None and "draw" in chosen.part.parameters


def through(guides: Iterable[Operation]) -> bool:
    """Whether one of these guidances takes its gradient through the networks."""
    methods: list[Any] = [each["method"] for each in guides]
    return any(choosing.member("guidance", each).through for each in methods)


def changed(bent: str, clean: str, change: str, weight: str, switch: str) -> list[str]:
    """The lines that give the variable `bent` an estimate and, by weight, a change of it."""
    louder = change if weight == "1.0" else f"{weight} * {change}"
    line = f"{bent} = {clean} + {louder}"
    return [f"{bent} = {clean}", f"if {switch}:", f"    {line}"] if switch else [line]


def _map(
    draft: Draft, operation: Operation, about: str, card: ModulatorCard, condition: Condition
) -> str:
    """The variable of a map, which is read from a file that has it over the canvas."""
    value: Any = condition.value
    kind, factor = condition.kind, card.scale
    canvas = card.shape[2] * factor, card.shape[1] * factor
    stored = draft.library.assets.get(value.sha256)
    picture = prepare(stored, condition.steps, draft.wide(canvas))
    key = ("map", operation.number, kind, *draft.frame)
    name = draft.names.of(key, f"{operation.node}_{kind}")
    shared = kind == "mask" and card.palette
    reader = "shares_of_classes" if shared else READERS[kind]

    def made(part: Image.Image) -> bytes:
        if shared:
            return _packed(shares(part, canvas, card.palette))
        return _near(part, canvas) if kind == "depth" else png_of(on_canvas(kind, part, canvas, ()))

    file = draft.parts(name, picture, canvas, made, "npz" if shared else "png")
    draft.wanted.append(("maps", reader))
    draft.tell(about, name, f"{reader}({file}, {factor})", shown=True)
    return name


def _packed(values: Any) -> bytes:
    """The bytes of a file that holds the shares of classes."""
    file = io.BytesIO()
    np.savez_compressed(file, shares=values)
    return file.getvalue()


def _near(picture: Image.Image, canvas: tuple[int, int]) -> bytes:
    """The bytes of a grey file of a depth map."""
    return png_of(Image.fromarray((nearness(picture, canvas) * 255).round().astype(np.uint8)))


def _target(
    draft: Draft,
    operation: Operation,
    card: GuidanceCard,
    own: tuple[int, int] | None,
    painted: tuple[int, int] | None,
) -> tuple[str, str, bool]:
    """What a model is to see, in Python, a note on it, and whether every window has a part of it.

    A picture is cut and squeezed as those that are `painted` will be for a model that looks at
    pictures of its `own` size, both (w, h).
    """
    target: Any = operation["target"]
    if card.asks == "class":
        number = card.labels.index(str(target.value))
        return str(number), f"  # {line_of(str(target.value))}", False
    seen = own or draft.size
    alike = own and painted and painted[0] * own[1] == painted[1] * own[0]
    form = painted if seen and not alike else None
    canvas = form or own
    stored = draft.library.assets.get(target.value.sha256)
    picture = prepare(stored, target.steps, draft.wide(canvas) if canvas else None)
    key = ("target", operation.number, *draft.frame)
    name = draft.names.of(key, f"{operation.node}_{card.asks}")

    def made(part: Image.Image) -> bytes:
        if form and seen:
            part = squeezed(part, form, seen)
        size = seen or part.size
        if card.asks == "depth":
            return _near(part, size)
        numbers = quantise(fit(part, size, sharp=True), card.palette).astype(np.uint8)
        shown = Image.fromarray(numbers, "P")
        shown.putpalette([part for each in card.palette for part in each.colour])
        return png_of(shown)

    if canvas:
        return draft.parts(name, picture, canvas, made), "", True
    draft.files[draft.file(name)] = made(picture)  # it sees pictures of every size
    return f"HERE / {text_of(draft.file(name))}", "", False


def _none(draft: Draft, card: ModulatorCard, kind: str) -> str:
    """A map that is not there, with as many planes as it would have."""
    layers = 1 if kind != "mask" else len(card.palette) or 3
    planes = layers * min(PARTS.get(kind, card.scale), card.scale) ** 2
    draft.wanted.append(("maps", "no_map"))
    return f"no_map({planes}, {card.shape[1]}, {card.shape[2]})"
