"""Guidance: off-the-shelf models that bend an expert towards what they would recognise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated, ClassVar, Union

from pydantic import Field

from graph import guidance
from graph.companions import TARGETS, GuidanceCard, NoiseRanges, guidance_card
from graph.errors import ChoraleError, Diagnostic
from graph.guidance.dps import Dps
from graph.interfaces import GuidanceMethod
from graph.library import COLOURS, Model
from graph.node import Carried, Live, Node, Place, Widget, Wired
from graph.plan import PlanBuilder
from graph.ports import Kind, Port
from graph.registry import choices
from nodes.experts import RELIABILITY, SCORE, ModelNode, check_range, weight
from nodes.fuse import choice
from nodes.label import Label
from nodes.models import check_fit, check_relief

Methods = Annotated[
    Union[tuple(choices(guidance, GuidanceMethod).values())],  # pyright: ignore[reportInvalidTypeForm, reportInvalidTypeArguments, reportUnknownVariableType] # noqa: UP007
    Field(discriminator="name"),
]
_SEEN = {"state": "the noisy state", "estimate": "the clean estimate"}
_NAMES = {"class": "class", "mask": "mask", "depth": "depth map"}


class Guidance(Node):
    """Bends an expert, or a fusion, towards pictures in which a model sees what it is to see.

    The model is any classifier of transformers, which is asked for a class, any of its segmentation
    models, which are asked for a mask, or any of its depth estimators, which are asked for a depth
    map. It need not know of noise; a guidance expert is one that was taught to look through it.
    Several guidances may follow one another; their order does not matter.
    """

    type: ClassVar[str] = "guidance"
    label: ClassVar[str] = "Guidance"
    family: ClassVar[str] = "Companions"
    synonyms: ClassVar[tuple[str, ...]] = (
        "classifier guidance",
        "segmentation guidance",
        "depth guidance",
        "PPAP",
        "DPS",
        "FreeDoM",
        "TFG",
    )
    inputs: ClassVar[tuple[Port, ...]] = (
        Port("score", Kind.SCORE, "The expert or fusion that is bent."),
        Port("class", Kind.LABEL, "What a classifier is to see in the picture.", required=False),
        Port("mask", Kind.MASK, "What a segmentation model is to see where.", required=False),
        Port("depth", Kind.DEPTH, "What a depth estimator is to see near and far.", required=False),
        RELIABILITY,
    )
    outputs: ClassVar[tuple[Port, ...]] = SCORE

    model: Annotated[str, Widget("model")] = Field(
        default="playground/classifier",
        max_length=200,
        description="The model's folder in the library, as transformers wrote it.",
        json_schema_extra={"hears": "guidance"},
    )
    method: Methods = Field(  # pyright: ignore[reportInvalidTypeForm]
        default=Dps(), description="Where its gradient is taken, and how far a step goes."
    )
    reliability: Annotated[float, Live()] = Field(
        default=1.0, ge=0.0, le=2.0, description="How far it bends; 0 leaves the expert as it is."
    )
    scale: Annotated[float, Live(widget="slider")] = Field(
        default=7.0,
        ge=-50.0,
        le=50.0,
        description="How much it counts at full reliability. Below 0 the picture keeps away from "
        "the class: NOT.",
    )
    muted: Annotated[bool, Live("switch", "switch")] = Field(
        default=False, description="Silence it; a silent guidance costs nothing."
    )
    solo: Annotated[bool, Live("switch", "switch")] = Field(
        default=False, description="Silence all guidances that are not solo; experts stay."
    )
    from_noise: float = Field(
        default=1.0, ge=0.0, le=1.0, description="It starts to bend at this noise; 1 is pure noise."
    )
    to_noise: float = Field(
        default=0.0, ge=0.0, le=1.0, description="It stops below this noise; 0 is clean."
    )

    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """Guide the score that is wired, towards what its model is asked for."""
        card = guidance_card(wired.library.companion(self.model))
        return {
            "score": plan.add(
                wired.node,
                "guide",
                wired.values["score"][0],  # pyright: ignore[reportArgumentType]
                model=self.model,
                target=wired.one(card.asks),
                method=choice(self.method),  # pyright: ignore[reportUnknownMemberType]
                weight=weight(self, wired),
                scale=self.control(wired.node, "scale"),
                muted=self.control(wired.node, "muted"),
                solo=self.control(wired.node, "solo"),
                range=(self.from_noise, self.to_noise),
            )
        }

    def check(self, place: Place) -> Iterator[Diagnostic]:
        """Whether the model is there, can see the score, and is asked for what it knows."""
        yield from check_range(place, self.from_noise, self.to_noise)
        yield from _visible(place)
        try:
            card = guidance_card(place.library.companion(self.model))
        except ChoraleError as error:
            yield from error.diagnostics
            return
        yield from _taught(place, self.model, card.ranges, self.method.name)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        yield from _asked(place, self.model, card)
        yield from _known(place, self.model, card)
        for space in place.spaces.get("score", ()):
            if card.asks != "class":
                yield from check_fit(place, card.asks, space.size, card.palette)
        if card.asks == "depth":
            yield from check_relief(place)


def _visible(place: Place) -> Iterator[Diagnostic]:
    """M022 for a score whose state is no picture and has no autoencoder that makes one of it."""
    for space in place.spaces.get("score", ()):
        if not space.pictorial:
            yield Diagnostic(
                "M022",
                f"'{place.title}' looks at pictures; the score of the space {space} is none, "
                f"expected {COLOURS} channels or an autoencoder.",
                "Wire an expert of pictures.",
                port="score",
            )


def _taught(
    place: Place, name: str, ranges: NoiseRanges | None, method: str
) -> Iterator[Diagnostic]:
    """M031 to M033 where a model is shown what it was not taught to look at."""
    at_state = method == "state"
    if at_state != (ranges is not None and ranges.sees == "state"):
        known = "clean pictures" if ranges is None else _SEEN[ranges.sees]
        shown = _SEEN["state" if at_state else "estimate"]
        yield Diagnostic(
            "M031",
            f"By the method {method} '{place.title}' shows its model {shown}; '{name}' knows "
            f"{known}.",
            "Choose another method." if at_state else "Choose the method state.",
            port="method",
            severity="warning",
        )
    if ranges is None:
        return
    for space in place.spaces.get("score", ()):
        if space.id != ranges.space_id:
            yield Diagnostic(
                "M032",
                f"'{place.title}' bends a score of the latent space {space}; the noise that "
                f"'{name}' was taught is that of '{ranges.base}', in another.",
                f"Wire {ranges.base} or an expert of its space, or trust your eyes.",
                port="score",
                severity="warning",
            )
    found = place.library.attempt(ranges.base)
    for title, node in place.all("score"):
        mine = isinstance(node, ModelNode) and node.model == ranges.base
        if mine and isinstance(found, Model) and found.hash != ranges.base_hash:
            yield Diagnostic(
                "M033",
                f"'{ranges.base}' of '{title}' has changed since '{name}' was made from its "
                f"pictures: its weights are {found.hash}, were {ranges.base_hash}.",
                "Make the guidance expert again, or trust your eyes.",
                port="score",
                severity="warning",
            )


def _asked(place: Place, name: str, card: GuidanceCard) -> Iterator[Diagnostic]:
    """M024 where the model is not told what to see, M025 for a wire that it does not look at."""
    if not place.all(card.asks):
        yield Diagnostic(
            "M024",
            f"'{place.title}' does not know what to see: '{name}' is asked for a "
            f"{_NAMES[card.asks]}, and none is wired.",
            f"Wire a {_NAMES[card.asks]}.",
            port=card.asks,
        )
    for other in TARGETS:
        if other != card.asks and place.all(other):
            yield Diagnostic(
                "M025",
                f"'{place.title}' is given a {_NAMES[other]}, which '{name}' is not asked for.",
                "Take the wire away, or choose a model that is.",
                port=other,
                severity="warning",
            )


def _known(place: Place, name: str, card: GuidanceCard) -> Iterator[Diagnostic]:
    """M021 for a class that the model does not know."""
    for title, node in place.all("class") if card.asks == "class" else ():
        if isinstance(node, Label) and node.name not in card.labels:
            close = get_close_matches(node.name, card.labels, n=1)
            more = f" and {len(card.labels) - 20} more" if len(card.labels) > 20 else ""
            yield Diagnostic(
                "M021",
                f"'{name}' of '{place.title}' has no class named '{node.name}' as '{title}' asks. "
                f"It has: {', '.join(card.labels[:20])}{more}.",
                f"Did you mean '{close[0]}'?" if close else "Choose one of them.",
                port="class",
            )
