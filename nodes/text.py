"""A sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from graph.node import Carried, Node, Wired
from graph.plan import Condition, PlanBuilder
from graph.ports import Kind, Port


class Text(Node):
    """A sentence that says what to paint.

    Words that an expert does not know are named; the rest of the sentence still counts.
    """

    type: ClassVar[str] = "text"
    label: ClassVar[str] = "Text"
    family: ClassVar[str] = "Conditions"
    synonyms: ClassVar[tuple[str, ...]] = ("prompt", "sentence", "caption", "words")
    outputs: ClassVar[tuple[Port, ...]] = (Port("text", Kind.TEXT, "The sentence."),)

    text: str = Field(
        default="a red sailboat on the sea at sunset",
        max_length=500,
        description="What to paint, in plain words.",
    )

    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """The sentence as a condition."""
        return {"text": Condition("text", self.text)}
