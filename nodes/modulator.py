"""Modulators: small trained modules that bend an expert by maps it has never known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from graph.companions import MAPS, ModulatorCard, modulator_card
from graph.errors import ChoraleError, Diagnostic
from graph.library import Model
from graph.node import Carried, Live, Node, Place, Widget, Wired
from graph.plan import PlanBuilder
from graph.ports import Kind, Port
from nodes.experts import RELIABILITY, SCORE, ModelNode, check_range, weight
from nodes.models import check_fit, check_relief


class Modulator(Node):
    """Bends a frozen expert, or a fusion, by maps that it has never known.

    It rewrites what is predicted at every step, in proportion to its reliability. Any of the maps
    that it was trained for may be wired, and several modulators may follow one another.
    """

    type: ClassVar[str] = "modulator"
    label: ClassVar[str] = "Modulator"
    family: ClassVar[str] = "Companions"
    synonyms: ClassVar[tuple[str, ...]] = ("MCM", "ControlNet", "adapter", "steer", "bend", "map")
    inputs: ClassVar[tuple[Port, ...]] = (
        Port("score", Kind.SCORE, "The expert or fusion that is bent."),
        Port("mask", Kind.MASK, "What lies where.", required=False),
        Port("sketch", Kind.SKETCH, "The lines.", required=False),
        Port("depth", Kind.DEPTH, "What is near and what is far.", required=False),
        RELIABILITY,
    )
    outputs: ClassVar[tuple[Port, ...]] = SCORE

    model: Annotated[str, Widget("model")] = Field(
        default="playground/modulator-maps",
        max_length=200,
        description="The modulator's folder in the library.",
    )
    reliability: Annotated[float, Live()] = Field(
        default=1.0, ge=0.0, le=2.0, description="How far it bends; 0 leaves the expert as it is."
    )
    muted: Annotated[bool, Live("switch", "switch")] = Field(
        default=False, description="Silence it; a silent modulator costs nothing."
    )
    solo: Annotated[bool, Live("switch", "switch")] = Field(
        default=False, description="Silence all modulators that are not solo; experts stay."
    )
    from_noise: float = Field(
        default=1.0, ge=0.0, le=1.0, description="It starts to bend at this noise; 1 is pure noise."
    )
    to_noise: float = Field(
        default=0.0, ge=0.0, le=1.0, description="It stops below this noise; 0 is clean."
    )

    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """Rewrite the score that is wired, by the maps that the modulator was trained for."""
        card = modulator_card(wired.library.companion(self.model))
        low, high = card.level_range
        maps = tuple(wired.one(kind) for kind in card.maps if wired.all(kind))
        return {
            "score": plan.add(
                wired.node,
                "modulate",
                wired.values["score"][0],  # pyright: ignore[reportArgumentType]
                model=self.model,
                maps=maps,
                weight=weight(self, wired),
                muted=self.control(wired.node, "muted"),
                solo=self.control(wired.node, "solo"),
                range=(min(self.from_noise, high), max(self.to_noise, low)),
            )
        }

    def check(self, place: Place) -> Iterator[Diagnostic]:
        """Whether the modulator is there and fits the score and the maps that are wired."""
        yield from check_range(place, self.from_noise, self.to_noise)
        try:
            card = modulator_card(place.library.companion(self.model))
        except ChoraleError as error:
            yield from error.diagnostics
            return
        yield from _space(place, self.model, card)
        yield from _maps(place, self.model, card)
        if "depth" in card.maps:
            yield from check_relief(place)
        for title, node in place.all("score"):
            if isinstance(node, ModelNode):
                yield from _base(place, self.model, card, title, node.model)
            elif isinstance(node, Modulator):
                yield from _stacked(place, self.model, card, title, node.model)


def _space(place: Place, name: str, card: ModulatorCard) -> Iterator[Diagnostic]:
    """M015 where the score lives in another latent space."""
    for space in place.spaces.get("score", ()):
        if (space.id, space.shape) != (card.space_id, card.shape):
            own = f"{card.space} ({'×'.join(map(str, card.shape))})"
            differ = " of another autoencoder" if str(space) == own else ""
            yield Diagnostic(
                "M015",
                f"'{place.title}' bends a score of the latent space {space}; "
                f"'{name}' was trained in {own}{differ}.",
                f"Wire an expert of that space, such as {card.base}.",
                port="score",
            )


def _maps(place: Place, name: str, card: ModulatorCard) -> Iterator[Diagnostic]:
    """M018 without any map, M019 for one that it does not know, A010 for one that is fitted."""
    known = " and ".join(card.maps)
    if not any(place.all(kind) for kind in card.maps):
        yield Diagnostic(
            "M018",
            f"'{place.title}' has no map to bend by; '{name}' was trained for {known}.",
            "Wire a map, or take the modulator out.",
            severity="warning",
        )
    for kind in MAPS:
        if place.all(kind) and kind not in card.maps:
            yield Diagnostic(
                "M019",
                f"'{place.title}' is given a {kind}, which '{name}' was not trained for; "
                f"it knows {known}.",
                "Take the wire away, or choose a modulator that knows it.",
                port=kind,
                severity="warning",
            )
    for space in place.spaces.get("score", ()):
        for kind in card.maps:
            palette = card.palette if kind == "mask" else ()
            yield from check_fit(place, kind, space.size, palette, soft=True)


def _base(
    place: Place, name: str, card: ModulatorCard, title: str, wired: str
) -> Iterator[Diagnostic]:
    """M016 for an expert that it was not trained on, M017 for one that has changed since."""
    found = place.library.attempt(wired)
    if not isinstance(found, Model) or found.hash == card.base_hash:
        return
    if wired == card.base:
        yield Diagnostic(
            "M017",
            f"'{wired}' of '{title}' has changed since '{name}' was trained on it: "
            f"its weights are {found.hash}, expected {card.base_hash}.",
            "Train the modulator again, or trust your eyes.",
            severity="warning",
        )
    else:
        yield Diagnostic(
            "M016",
            f"'{place.title}' bends '{wired}' of '{title}'; '{name}' was trained on '{card.base}'.",
            f"Wire {card.base}, or trust your eyes.",
            severity="warning",
        )


def _stacked(
    place: Place, name: str, card: ModulatorCard, title: str, below: str
) -> Iterator[Diagnostic]:
    """M016 where the modulator below was trained on another base."""
    found = place.library.attempt_companion(below)
    under = None if isinstance(found, ChoraleError) else found.card
    if isinstance(under, ModulatorCard) and under.base_hash != card.base_hash:
        yield Diagnostic(
            "M016",
            f"'{place.title}' bends what '{title}' has bent, whose '{below}' was trained on "
            f"'{under.base}'; '{name}' was trained on '{card.base}'.",
            "Stack modulators of one base, or trust your eyes.",
            severity="warning",
        )
