"""A point that a wire is led around."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from graph.drawing import REROUTE
from graph.node import Carried, Node, Wired
from graph.plan import PlanBuilder
from graph.ports import Kind, Port


class Reroute(Node):
    """A point on a wire, to lead it around something or to split it; it changes nothing."""

    type: ClassVar[str] = REROUTE
    label: ClassVar[str] = "Reroute"
    family: ClassVar[str] = "Structure"
    synonyms: ClassVar[tuple[str, ...]] = ("dot", "knot", "relay", "waypoint", "cable", "wire")
    inputs: ClassVar[tuple[Port, ...]] = (Port("in", Kind.ANY, "Whatever is to be led on."),)
    outputs: ClassVar[tuple[Port, ...]] = (Port("out", Kind.ANY, "The same, from here."),)

    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """What comes in goes out."""
        carried: Any = wired.one("in")
        return {"out": carried}
