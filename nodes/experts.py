"""Experts: frozen models that each estimate the picture under a condition of their own."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from graph.errors import Diagnostic
from graph.library import Library, Space
from graph.node import Carried, Live, Node, Widget, Wired
from graph.plan import PlanBuilder, Value
from graph.ports import Kind, Port

RELIABILITY = Port(
    "reliability",
    Kind.RELIABILITY,
    "Curves, maps and sweeps that the fader is multiplied by.",
    required=False,
    many=True,
)
SCORE = (Port("score", Kind.SCORE, "The expert's estimate, to be fused or sampled."),)


class ExpertNode(Node, ABC):
    """What every expert on the canvas has: a fader, switches, a range of noise."""

    family: ClassVar[str] = "Experts"
    outputs: ClassVar[tuple[Port, ...]] = SCORE

    reliability: Annotated[float, Live()] = Field(
        default=1.0, ge=0.0, le=2.0, description="How much this expert counts; 0 removes it."
    )
    guidance: Annotated[float, Live(widget="slider")] = Field(
        default=3.0,
        ge=0.0,
        le=15.0,
        description="How far its condition is followed at full reliability; 1 is as trained.",
    )
    share: float = Field(
        default=1.0,
        ge=0.0,
        le=10.0,
        description="Its part in the background that all experts are measured against.",
    )
    muted: Annotated[bool, Live("switch", "switch")] = Field(
        default=False, description="Silence it; a silent expert costs nothing."
    )
    solo: Annotated[bool, Live("switch", "switch")] = Field(
        default=False, description="Silence all experts that are not solo."
    )
    from_noise: float = Field(
        default=1.0, ge=0.0, le=1.0, description="It starts to play at this noise; 1 is pure noise."
    )
    to_noise: float = Field(
        default=0.0, ge=0.0, le=1.0, description="It stops below this noise; 0 is clean."
    )

    def check(self, library: Library) -> Iterator[Diagnostic]:
        """Whether the range of noise is one."""
        if self.from_noise <= self.to_noise:
            yield Diagnostic(
                "S004",
                f"'{self.label}' starts at noise {self.from_noise:g} and stops at "
                f"{self.to_noise:g}: it would never play.",
                "Let it start at more noise than it stops at.",
            )

    def denoise(
        self, plan: PlanBuilder, wired: Wired, expert: Value, condition: Value
    ) -> Mapping[str, Carried]:
        """Add the operation that asks this expert."""
        factors: list[Value] = [self.control(wired.node, "reliability")]
        for more in wired.all("reliability"):
            factors.extend(more)
        return {
            "score": plan.add(
                wired.node,
                "denoise",
                expert=expert,
                condition=condition,
                weight=tuple(factors),
                guidance=self.control(wired.node, "guidance"),
                share=self.share,
                muted=self.control(wired.node, "muted"),
                solo=self.control(wired.node, "solo"),
                range=(self.from_noise, self.to_noise),
            )
        }


class ModelNode(ExpertNode, ABC):
    """An expert whose weights lie in a folder of the library."""

    condition: ClassVar[str]
    """The kind of condition that its model must take."""
    model: Annotated[str, Widget("model")] = Field(
        max_length=200, description="The expert's folder in the library."
    )

    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """Ask the model under what is wired to it."""
        asked = wired.one(self.inputs[0].name) if self.condition != "none" else None
        return self.denoise(plan, wired, self.model, asked)

    def space(self, library: Library, incoming: Sequence[Space]) -> Space | None:
        """The latent space of the model."""
        return library.model(self.model).space

    def check(self, library: Library) -> Iterator[Diagnostic]:
        """Whether the model is there and takes this kind of condition."""
        yield from super().check(library)
        yield from library.check(self.model, self.condition)


class TextExpert(ModelNode):
    """Paints what a sentence says."""

    type: ClassVar[str] = "text_expert"
    label: ClassVar[str] = "Text expert"
    condition: ClassVar[str] = "text"
    synonyms: ClassVar[tuple[str, ...]] = ("text to image", "prompt model")
    inputs: ClassVar[tuple[Port, ...]] = (Port("text", Kind.TEXT, "What to paint."), RELIABILITY)
    model: Annotated[str, Widget("model")] = Field(
        default="playground/text", max_length=200, description="The expert's folder in the library."
    )


class MaskExpert(ModelNode):
    """Paints so that everything lies where the mask says."""

    type: ClassVar[str] = "mask_expert"
    label: ClassVar[str] = "Mask expert"
    condition: ClassVar[str] = "mask"
    synonyms: ClassVar[tuple[str, ...]] = ("segmentation to image", "layout model")
    inputs: ClassVar[tuple[Port, ...]] = (Port("mask", Kind.MASK, "What lies where."), RELIABILITY)
    model: Annotated[str, Widget("model")] = Field(
        default="playground/mask", max_length=200, description="The expert's folder in the library."
    )


class SketchExpert(ModelNode):
    """Paints along the lines of a drawing."""

    type: ClassVar[str] = "sketch_expert"
    label: ClassVar[str] = "Sketch expert"
    condition: ClassVar[str] = "sketch"
    synonyms: ClassVar[tuple[str, ...]] = ("scribble model", "line model")
    inputs: ClassVar[tuple[Port, ...]] = (Port("sketch", Kind.SKETCH, "The lines."), RELIABILITY)
    model: Annotated[str, Widget("model")] = Field(
        default="playground/sketch",
        max_length=200,
        description="The expert's folder in the library.",
    )


class ClassExpert(ModelNode):
    """Paints a scene of the named class."""

    type: ClassVar[str] = "class_expert"
    label: ClassVar[str] = "Class expert"
    condition: ClassVar[str] = "class"
    synonyms: ClassVar[tuple[str, ...]] = ("class conditional", "scene model", "DiT")
    inputs: ClassVar[tuple[Port, ...]] = (Port("class", Kind.LABEL, "The class."), RELIABILITY)
    model: Annotated[str, Widget("model")] = Field(
        default="playground/class",
        max_length=200,
        description="The expert's folder in the library.",
    )


class UnconditionalExpert(ModelNode):
    """Paints anything of its world; a background that the other experts are measured against."""

    type: ClassVar[str] = "unconditional_expert"
    label: ClassVar[str] = "Unconditional expert"
    condition: ClassVar[str] = "none"
    synonyms: ClassVar[tuple[str, ...]] = ("background", "prior", "null")
    inputs: ClassVar[tuple[Port, ...]] = (RELIABILITY,)
    guidance: Annotated[float, Live(widget="slider")] = Field(
        default=1.0, ge=0.0, le=15.0, description="Its weight at full reliability; 1 is as trained."
    )
    model: Annotated[str, Widget("model")] = Field(
        default="playground/unconditional",
        max_length=200,
        description="The expert's folder in the library.",
    )
