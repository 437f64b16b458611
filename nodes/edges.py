"""A photograph traced to a sketch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field

from graph.node import Carried, Node, Wired
from graph.plan import PlanBuilder
from graph.ports import Kind, Port


class Edges(Node):
    """Traces the contours of a photograph, as a pen would, by Canny's edge detection."""

    type: ClassVar[str] = "edges"
    label: ClassVar[str] = "Edges"
    family: ClassVar[str] = "Conditions"
    synonyms: ClassVar[tuple[str, ...]] = ("canny", "contour", "trace", "outline")
    inputs: ClassVar[tuple[Port, ...]] = (Port("photo", Kind.PHOTO, "The photograph to trace."),)
    outputs: ClassVar[tuple[Port, ...]] = (Port("sketch", Kind.SKETCH, "The traced drawing."),)

    detail: float = Field(
        default=0.5, ge=0.0, le=1.0, description="How faint a contour may be and still be drawn."
    )

    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """The photograph with one more preparation."""
        photo: Any = wired.one("photo")
        steps = (*photo.steps, f"edges:{self.detail:g}")
        return {"sketch": replace(photo, kind="sketch", steps=steps)}
