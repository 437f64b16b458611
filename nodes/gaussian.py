"""An expert that is a formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from graph.library import Library, Space
from graph.node import Carried, Live, Wired
from graph.plan import Choice, PlanBuilder, plan_settings
from graph.ports import Port
from nodes.experts import RELIABILITY, ExpertNode

Side = Annotated[int, Field(ge=1, le=256)]


class GaussianExpert(ExpertNode):
    """Knows that the picture is Gaussian: exact and instant, for trying out what a fusion does."""

    type: ClassVar[str] = "gaussian_expert"
    label: ClassVar[str] = "Gaussian expert"
    synonyms: ClassVar[tuple[str, ...]] = ("analytic", "toy", "normal")
    inputs: ClassVar[tuple[Port, ...]] = (RELIABILITY,)
    has_null: ClassVar[bool] = False

    mean: float = Field(default=0.0, ge=-10.0, le=10.0, description="Mean of every number.")
    variance: float = Field(default=0.25, gt=0.0, le=100.0, description="Variance of every number.")
    shape: tuple[Side, Side, Side] = Field(
        default=(3, 16, 16), description="Channels, height and width of the state."
    )
    guidance: Annotated[float, Live(widget="slider")] = Field(
        default=1.0,
        ge=-15.0,
        le=15.0,
        description="Its weight at full reliability; 1 is as it is, below 0 is NOT.",
    )

    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """Ask the formula."""
        settings = {"shape": self.shape, "mean": self.mean, "variance": self.variance}
        return self.denoise(plan, wired, Choice("gaussian", plan_settings(settings)), None)

    def space(self, library: Library, incoming: Sequence[Space]) -> Space | None:
        """A space of its own for each shape."""
        return Space("analytic-" + "x".join(map(str, self.shape)), "analytic", self.shape)
