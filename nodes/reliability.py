"""Reliabilities: how much an expert counts, over noise, over the canvas, over a batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import Field

from graph.node import Carried, Live, Node, Wired
from graph.plan import PlanBuilder, Sweep
from graph.ports import Kind, Port
from nodes.drawn import STORED

OUT = (Port("reliability", Kind.RELIABILITY, "Multiplies the fader of an expert."),)
Point = tuple[Annotated[float, Field(ge=0.0, le=1.0)], Annotated[float, Field(ge=0.0, le=4.0)]]


class Curve(Node):
    """A reliability that changes while the noise falls: early for layout, late for detail."""

    type: ClassVar[str] = "curve"
    label: ClassVar[str] = "Curve"
    family: ClassVar[str] = "Reliability"
    synonyms: ClassVar[tuple[str, ...]] = ("automation", "schedule", "envelope", "over time")
    outputs: ClassVar[tuple[Port, ...]] = OUT

    points: Annotated[tuple[Point, ...], Live("curve", "curve")] = Field(
        default=((1.0, 1.0), (0.0, 1.0)),
        min_length=1,
        max_length=64,
        description="Points (noise, factor), joined by lines; noise 1 is the start of the run.",
    )

    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """The curve as a factor."""
        return {"reliability": (self.control(wired.node, "points"),)}


class Map(Node):
    """A reliability that differs over the canvas: painted white where the expert counts."""

    type: ClassVar[str] = "map"
    label: ClassVar[str] = "Map"
    family: ClassVar[str] = "Reliability"
    synonyms: ClassVar[tuple[str, ...]] = ("region", "area", "where", "spatial")
    outputs: ClassVar[tuple[Port, ...]] = OUT

    picture: Annotated[str, Live("map", "map")] = Field(
        default="", pattern=STORED, description="White where the expert counts, black where not."
    )

    black: float = Field(default=0.0, ge=0.0, le=4.0, description="Factor where it is black.")
    white: float = Field(default=1.0, ge=0.0, le=4.0, description="Factor where it is white.")

    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """The map as a factor."""
        control = replace(self.control(wired.node, "picture"), low=self.black, high=self.white)
        return {"reliability": (control,)}

    def files(self) -> Iterator[str]:
        """The picture; none counts everywhere alike."""
        if self.picture:
            yield self.picture


class SweepNode(Node):
    """A row of pictures from one seed, each with a different reliability."""

    type: ClassVar[str] = "sweep"
    label: ClassVar[str] = "Sweep"
    family: ClassVar[str] = "Reliability"
    synonyms: ClassVar[tuple[str, ...]] = ("grid", "series", "compare", "range")
    outputs: ClassVar[tuple[Port, ...]] = OUT

    start: float = Field(default=0.0, ge=-4.0, le=4.0, description="Factor of the first picture.")
    stop: float = Field(default=1.0, ge=-4.0, le=4.0, description="Factor of the last picture.")
    count: int = Field(default=7, ge=2, le=25, description="How many pictures.")

    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """The axis as a factor; its values are spread over the batch when the plan is built."""
        step = (self.stop - self.start) / (self.count - 1)
        values = tuple(self.start + step * index for index in range(self.count))
        return {"reliability": (Sweep(wired.node, values),)}
