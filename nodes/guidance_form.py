"""Forms of guidance: what strong guidance does to a picture, and how to have it do better."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Union

from pydantic import Field

from graph import forms
from graph.errors import Diagnostic
from graph.forms.apg import Apg
from graph.interfaces import GuidanceForm
from graph.node import Carried, Live, Node, Place, Wired
from graph.plan import PlanBuilder
from graph.ports import Kind, Port
from graph.registry import choices
from nodes.experts import RELIABILITY, SCORE, ExpertNode, weight
from nodes.fuse import choice, fused

Forms = Annotated[
    Union[tuple(choices(forms, GuidanceForm).values())],  # pyright: ignore[reportInvalidTypeForm, reportInvalidTypeArguments, reportUnknownVariableType] # noqa: UP007
    Field(discriminator="name"),
]


class Form(Node):
    """Gives the guidance of an expert or a fusion another form, such as one that burns no colours.

    Guidance is what a picture has beyond the experts as they were trained. Several forms may follow
    one another; the one next to the experts comes first.
    """

    type: ClassVar[str] = "guidance_form"
    label: ClassVar[str] = "Guidance form"
    family: ClassVar[str] = "Fusion"
    synonyms: ClassVar[tuple[str, ...]] = ("APG", "CFG++", "rescale", "interval", "limit", "CFG")
    inputs: ClassVar[tuple[Port, ...]] = (
        Port("score", Kind.SCORE, "The expert or fusion whose guidance takes another form."),
        RELIABILITY,
    )
    outputs: ClassVar[tuple[Port, ...]] = SCORE

    form: Forms = Field(  # pyright: ignore[reportInvalidTypeForm]
        default=Apg(), description="What becomes of the guidance."
    )
    reliability: Annotated[float, Live()] = Field(
        default=1.0, ge=0.0, le=1.0, description="How far it is taken; 0 leaves guidance as it is."
    )
    muted: Annotated[bool, Live("switch", "switch")] = Field(
        default=False, description="Silence it: guidance as it is."
    )
    solo: Annotated[bool, Live("switch", "switch")] = Field(
        default=False, description="Silence all forms that are not solo; experts stay."
    )

    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """Form the fusion that is wired; an expert alone is fused with its own null."""
        return {
            "score": plan.add(
                wired.node,
                "form",
                fused(plan, wired),
                form=choice(self.form),  # pyright: ignore[reportUnknownMemberType]
                weight=weight(self, wired),
                muted=self.control(wired.node, "muted"),
                solo=self.control(wired.node, "solo"),
            )
        }

    def check(self, place: Place) -> Iterator[Diagnostic]:
        """Whether an expert that is wired has a weight that the form can do something with."""
        for title, node in place.all("score"):
            if self.form.renoises and isinstance(node, ExpertNode):  # pyright: ignore[reportUnknownMemberType]
                asked = node.reliability * node.guidance
                if not 0.0 <= asked <= 1.0:
                    yield Diagnostic(
                        "F024",
                        f"'{place.title}' interpolates: it takes weights between 0 and 1, and "
                        f"'{title}' weighs {asked:.3g}.",
                        f"Set the guidance of '{title}' to 0.6 or so.",
                        severity="warning",
                    )
