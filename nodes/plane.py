"""An expert of the plane, where everything can be seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from graph.library import Library, Space
from graph.node import Carried, Live, Widget, Wired
from graph.plan import Choice, PlanBuilder, plan_settings
from graph.plane import PLANE
from graph.ports import Port
from nodes.experts import RELIABILITY, ExpertNode

Place = Annotated[float, Field(ge=-3.5, le=3.5)]
Spread = Annotated[float, Field(ge=0.1, le=3.0)]


class Heap(BaseModel):
    """A Gaussian heap: where its middle is, how far it reaches both ways, and how heavy it is."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    x: Place = Field(default=0.0, description="Its middle, to the right.")
    y: Place = Field(default=0.0, description="Its middle, upwards.")
    wide: Spread = Field(default=0.5, description="Its deviation to the right and left.")
    high: Spread = Field(default=0.5, description="Its deviation upwards and down.")
    share: float = Field(
        default=1.0, ge=0.01, le=10.0, description="Its part of all points, beside other heaps."
    )


class PlaneExpert(ExpertNode):
    """Knows where points of the plane lie: in a few heaps, exactly, so that a fusion can be seen.

    A picture of it shows a thousand points, each a sample of its own, and the density that the
    weights of the faders name. As background, one wide heap in the middle knows nothing.
    """

    type: ClassVar[str] = "plane_expert"
    label: ClassVar[str] = "Plane expert"
    synonyms: ClassVar[tuple[str, ...]] = ("2D", "toy", "mixture", "points", "density", "analytic")
    inputs: ClassVar[tuple[Port, ...]] = (RELIABILITY,)
    has_null: ClassVar[bool] = False

    heaps: Annotated[tuple[Heap, ...], Widget("heaps")] = Field(
        default=(Heap(x=-1.5), Heap(x=1.5)),
        min_length=1,
        max_length=8,
        description="Where points lie: heaps with a middle, a deviation each way and a share.",
    )
    guidance: Annotated[float, Live(widget="slider")] = Field(
        default=1.0,
        ge=-15.0,
        le=15.0,
        description="Its weight at full reliability; 1 is as it is, below 0 is NOT.",
    )

    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """Ask the mixture of the heaps."""
        total = sum(heap.share for heap in self.heaps)
        settings = {
            "shape": PLANE.shape,
            "means": [(heap.x, heap.y) for heap in self.heaps],
            "variances": [(heap.wide**2, heap.high**2) for heap in self.heaps],
            "shares": [heap.share / total for heap in self.heaps],
            "has_null": False,
        }
        return self.denoise(plan, wired, Choice("mixture", plan_settings(settings)), None)

    def space(self, library: Library, incoming: Sequence[Space]) -> Space | None:
        """The plane."""
        return PLANE
