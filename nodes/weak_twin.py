"""A weak twin: an expert with a part of its network left out, to be guided away from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from graph.errors import ChoraleError, Diagnostic
from graph.folders import read_json
from graph.library import Model
from graph.node import Carried, Live, Place, Wired
from graph.plan import PlanBuilder, Ref
from graph.ports import Kind, Port
from nodes.experts import RELIABILITY, ExpertNode, ModelNode


class WeakTwin(ExpertNode):
    """Paints what an expert paints, but worse: some blocks of its network are left out.

    Wired as background of a fusion, or below zero beside its expert, it shows the expert which
    mistakes to keep away from.
    """

    type: ClassVar[str] = "weak_twin"
    label: ClassVar[str] = "Weak twin"
    synonyms: ClassVar[tuple[str, ...]] = (
        "autoguidance",
        "skip layer",
        "SLG",
        "STG",
        "bad version",
    )
    inputs: ClassVar[tuple[Port, ...]] = (
        Port("score", Kind.SCORE, "The expert of which it is the twin."),
        RELIABILITY,
    )

    guidance: Annotated[float, Live(widget="slider")] = Field(
        default=-1.0,
        ge=-15.0,
        le=15.0,
        description="How far the picture keeps away from it, below 0. As background it has none.",
    )
    first: int = Field(
        default=3, ge=0, le=199, description="The first block that is left out; they begin at 0."
    )
    count: int = Field(default=1, ge=1, le=50, description="How many blocks are left out.")

    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """Ask the network of the expert for what the expert is asked for, without the blocks."""
        score: Ref = wired.all("score")[0]
        strong = plan.operations[score.number]
        return self.denoise(
            plan,
            wired,
            strong["expert"],
            strong["condition"],
            wired.library.model(str(strong["expert"])).card.level_range,
            without=tuple(range(self.first, self.first + self.count)),
        )

    def check(self, place: Place) -> Iterator[Diagnostic]:
        """F025 for what is no expert with weights, M026 for blocks that it has not."""
        yield from super().check(place)
        for title, node in place.all("score"):
            if not isinstance(node, ModelNode):
                yield Diagnostic(
                    "F025",
                    f"'{place.title}' is the twin of one expert with weights, got '{title}'.",
                    "Wire an expert of the library to it.",
                    port="score",
                )
                continue
            try:
                row = _blocks(place.library.model(node.model))
            except ChoraleError:
                continue  # the check of the expert says what is wrong with its model
            if self.first + self.count > row or self.count == row:
                yield Diagnostic(
                    "M026",
                    f"The network of '{node.model}' has {row} blocks, numbered from 0; "
                    f"'{place.title}' leaves out {self.count} from {self.first} on.",
                    "Leave out others, and some of them in." if row else "Wire another expert.",
                )


def _blocks(model: Model) -> int:
    """How many blocks its transformer has in a row; 0 where it has no transformer."""
    file = model.folder / "transformer" / "config.json"
    return int(read_json(model.name, file).get("num_layers", 0)) if file.is_file() else 0
