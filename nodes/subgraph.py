"""Several nodes that stand as one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from graph.drawing import SUBGRAPH
from graph.node import Carried, Node, Wired
from graph.plan import PlanBuilder


class SubgraphNode(Node):
    """Several nodes that stand as one, with inputs and outputs of their own.

    The same subgraph may stand in several places; what is changed within is changed in all of them.
    """

    type: ClassVar[str] = SUBGRAPH
    label: ClassVar[str] = "Subgraph"
    family: ClassVar[str] = "Structure"
    synonyms: ClassVar[tuple[str, ...]] = ("group", "nested", "macro", "component", "reuse")
    ports: ClassVar[Literal["fixed", "definition"]] = "definition"

    of: str = Field(
        default="", max_length=200, description="Name of the subgraph that stands here."
    )

    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """Nothing of its own: the nodes within are lowered in its place."""
        return {}
