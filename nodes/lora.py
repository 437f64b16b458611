"""LoRA: a small file that changes how an expert paints, as loudly as its fader says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from graph.errors import ChoraleError, Diagnostic
from graph.node import Carried, Live, Node, Place, Widget, Wired
from graph.plan import PlanBuilder
from graph.ports import Kind, Port
from nodes.experts import RELIABILITY, check_range, weight


class Lora(Node):
    """Changes how an expert paints: a style, a character, a thing that was learned apart.

    Wire it to a text expert's adapters. Experts of one model with other LoRAs share its weights.
    What it changes in the reading of a sentence is as its fader stands when a run begins; the
    picture follows the fader at every step.
    """

    type: ClassVar[str] = "lora"
    label: ClassVar[str] = "LoRA"
    family: ClassVar[str] = "Companions"
    synonyms: ClassVar[tuple[str, ...]] = (
        "LoCon",
        "DoRA",
        "LoHa",
        "LoKr",
        "LyCORIS",
        "style",
        "fine-tune",
        "character",
    )
    inputs: ClassVar[tuple[Port, ...]] = (RELIABILITY,)
    outputs: ClassVar[tuple[Port, ...]] = (
        Port("adapter", Kind.ADAPTER, "To a text expert's adapters."),
    )

    model: Annotated[str, Widget("model")] = Field(
        default="loras/style.safetensors",
        max_length=200,
        description="The LoRA's file in the library.",
        json_schema_extra={"hears": "lora"},
    )
    reliability: Annotated[float, Live()] = Field(
        default=1.0,
        ge=-2.0,
        le=2.0,
        description="How strongly it changes the expert; 0 costs nothing, below 0 it turns around.",
    )
    muted: Annotated[bool, Live("switch", "switch")] = Field(
        default=False, description="Silence it; a silent LoRA costs nothing."
    )
    solo: Annotated[bool, Live("switch", "switch")] = Field(
        default=False, description="Silence all adapters that are not solo; experts stay."
    )
    from_noise: float = Field(
        default=1.0, ge=0.0, le=1.0, description="It starts at this noise; 1 is pure noise."
    )
    to_noise: float = Field(
        default=0.0, ge=0.0, le=1.0, description="It stops below this noise; 0 is clean."
    )

    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """Name the LoRA and how loud it is."""
        tuning = plan.add(
            wired.node,
            "tune",
            model=self.model,
            weight=weight(self, wired),
            muted=self.control(wired.node, "muted"),
            solo=self.control(wired.node, "solo"),
            range=(self.from_noise, self.to_noise),
        )
        return {"adapter": tuning}

    def check(self, place: Place) -> Iterator[Diagnostic]:
        """Whether the file is there, and is a LoRA."""
        yield from check_range(place, self.from_noise, self.to_noise)
        try:
            place.library.lora(self.model)
        except ChoraleError as error:
            yield from error.diagnostics
