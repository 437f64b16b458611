"""Fusion: several experts become one estimate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Union

from pydantic import Field

from graph import fusion
from graph.fusion.product import Product
from graph.interfaces import FusionRule
from graph.node import Carried, Node, Wired
from graph.plan import Choice, PlanBuilder, plan_settings
from graph.ports import Kind, Port
from graph.registry import choices

Rule = Annotated[
    Union[tuple(choices(fusion, FusionRule).values())],  # pyright: ignore # noqa: UP007
    Field(discriminator="name"),
]


def choice(chosen: Any) -> Choice:
    """A rule, sampler or schedule as the plan names it."""
    return Choice(chosen.name, plan_settings(chosen.model_dump(exclude={"name"})))


class Fuse(Node):
    """Merges what several experts estimate at the same noise into one estimate."""

    type: ClassVar[str] = "fuse"
    label: ClassVar[str] = "Fuse"
    family: ClassVar[str] = "Fusion"
    synonyms: ClassVar[tuple[str, ...]] = ("mix", "merge", "combine", "product of experts", "and")
    inputs: ClassVar[tuple[Port, ...]] = (
        Port("scores", Kind.SCORE, "The experts to fuse.", many=True),
        Port(
            "background",
            Kind.SCORE,
            "What the experts are measured against; by default the mix of their own nulls.",
            required=False,
        ),
    )
    outputs: ClassVar[tuple[Port, ...]] = (
        Port("score", Kind.SCORE, "One estimate, to be sampled or fused again."),
    )

    rule: Rule = Field(  # pyright: ignore[reportInvalidTypeForm]
        default_factory=Product, description="How the estimates are merged."
    )

    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """Add the fusion."""
        background = wired.one("background")
        inputs = (*wired.all("scores"), *((background,) if background else ()))
        settings = {"rule": choice(self.rule), "background": background is not None}
        return {"score": plan.add(wired.node, "fuse", *inputs, **settings)}
