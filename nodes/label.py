"""A class by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from graph.node import Carried, Node, Widget, Wired
from graph.plan import Condition, PlanBuilder
from graph.ports import Kind, Port


class Label(Node):
    """A class by its name, such as "sea at night"; the expert lists the classes that it knows."""

    type: ClassVar[str] = "label"
    label: ClassVar[str] = "Class"
    family: ClassVar[str] = "Conditions"
    synonyms: ClassVar[tuple[str, ...]] = ("class", "category", "scene", "kind")
    outputs: ClassVar[tuple[Port, ...]] = (Port("class", Kind.LABEL, "The class."),)

    name: Annotated[str, Widget("class")] = Field(
        default="sea at night", max_length=200, description="Name of the class to paint."
    )

    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """The class as a condition."""
        return {"class": Condition("class", self.name)}
