"""Adapters: ControlNets and their like, which tell an expert more beside its sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from graph.companions import adapter_card, no_adapter
from graph.errors import ChoraleError, Diagnostic
from graph.node import Carried, Live, Node, Place, Widget, Wired
from graph.plan import PlanBuilder
from graph.ports import Kind, Port
from nodes.experts import RELIABILITY, check_range, weight

NO_COMPANION = "M014"
PICTURES = ("mask", "sketch", "depth", "photo")


class Adapter(Node):
    """Tells a text expert more by a picture: a ControlNet, T2I-Adapter or IP-Adapter.

    Wire one picture to it, and it to the expert. An expert may hear several, each with a fader and
    a range of noise of its own.
    """

    type: ClassVar[str] = "adapter"
    label: ClassVar[str] = "Adapter"
    family: ClassVar[str] = "Companions"
    synonyms: ClassVar[tuple[str, ...]] = (
        "ControlNet",
        "T2I-Adapter",
        "IP-Adapter",
        "control",
        "pose",
        "reference",
    )
    inputs: ClassVar[tuple[Port, ...]] = (
        Port("mask", Kind.MASK, "What lies where.", required=False),
        Port("sketch", Kind.SKETCH, "The lines, which it is shown light on dark.", required=False),
        Port("depth", Kind.DEPTH, "What is near and what is far.", required=False),
        Port("photo", Kind.PHOTO, "Any other picture, shown as it is.", required=False),
        RELIABILITY,
    )
    outputs: ClassVar[tuple[Port, ...]] = (
        Port("adapter", Kind.ADAPTER, "To a text expert's adapters."),
    )

    model: Annotated[str, Widget("model")] = Field(
        default="lllyasviel/control_v11f1p_sd15_depth",
        max_length=200,
        description="The adapter's folder in the library.",
        json_schema_extra={"hears": "adapter"},
    )
    reliability: Annotated[float, Live()] = Field(
        default=1.0, ge=0.0, le=2.0, description="How loudly it tells; 0 costs nothing."
    )
    muted: Annotated[bool, Live("switch", "switch")] = Field(
        default=False, description="Silence it; a silent adapter costs nothing."
    )
    solo: Annotated[bool, Live("switch", "switch")] = Field(
        default=False, description="Silence all adapters that are not solo; experts stay."
    )
    in_null: bool = Field(
        default=True,
        description="Whether the expert hears it without its sentence too: then guidance "
        "strengthens the sentence alone. Else it strengthens the picture as well.",
    )
    from_noise: float = Field(
        default=1.0, ge=0.0, le=1.0, description="It starts to tell at this noise; 1 is pure noise."
    )
    to_noise: float = Field(
        default=0.0, ge=0.0, le=1.0, description="It stops below this noise; 0 is clean."
    )

    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """Name the adapter and the picture that it shows."""
        shown = next(each for kind in PICTURES for each in wired.all(kind))
        adapting = plan.add(
            wired.node,
            "adapt",
            model=self.model,
            condition=shown,
            weight=weight(self, wired),
            muted=self.control(wired.node, "muted"),
            solo=self.control(wired.node, "solo"),
            range=(self.from_noise, self.to_noise),
            null=self.in_null,
        )
        return {"adapter": adapting}

    def check(self, place: Place) -> Iterator[Diagnostic]:
        """Whether the adapter is there, and one picture is wired."""
        yield from check_range(place, self.from_noise, self.to_noise)
        try:
            card = adapter_card(place.library.companion(self.model))
        except ChoraleError as error:
            yield from (_said(self.model, each) for each in error.diagnostics)
        else:
            if card.pools and self.in_null:
                yield Diagnostic(
                    "M045",
                    f"'{self.model}' of '{place.title}' tells means over its whole picture, and "
                    "was taught that for the sentence alone: the null hears it too.",
                    "Switch 'in null' off, as diffusers has it.",
                    severity="warning",
                )
        pictures = [title for kind in PICTURES for title, _ in place.all(kind)]
        if len(pictures) != 1:
            found = "none" if not pictures else " and ".join(f"'{each}'" for each in pictures)
            yield Diagnostic(
                "M037",
                f"'{place.title}' is shown one picture; expected one wire, got {found}.",
                "Wire one mask, sketch, depth map or photo to it.",
            )


def _said(name: str, found: Diagnostic) -> Diagnostic:
    """What is wrong with the folder; one that holds no companion at all is no adapter."""
    return no_adapter(name, "no network of diffusers") if found.code == NO_COMPANION else found
