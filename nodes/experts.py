"""Experts: frozen models that each estimate the picture under a condition of their own."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from graph.errors import ChoraleError, Diagnostic
from graph.library import Library, Model, Space
from graph.node import Carried, Live, Node, Place, Widget, Wired
from graph.plan import PlanBuilder, Ref, Value
from graph.ports import Kind, Port

RELIABILITY = Port(
    "reliability",
    Kind.RELIABILITY,
    "Curves, maps and sweeps that the fader is multiplied by.",
    required=False,
    many=True,
)
SCORE = (Port("score", Kind.SCORE, "The expert's estimate, to be fused or sampled."),)


class ExpertNode(Node, ABC):
    """What every expert on the canvas has: a fader, switches, a range of noise."""

    family: ClassVar[str] = "Experts"
    outputs: ClassVar[tuple[Port, ...]] = SCORE
    has_null: ClassVar[bool] = True
    """Whether it can be asked without a condition, which gives fusion a background."""

    reliability: Annotated[float, Live()] = Field(
        default=1.0, ge=0.0, le=2.0, description="How much this expert counts; 0 removes it."
    )
    guidance: Annotated[float, Live(widget="slider")] = Field(
        default=3.0,
        ge=-15.0,
        le=15.0,
        description="How far its condition is followed at full reliability; 1 is as trained. "
        "Below 0 the picture keeps away from it: NOT.",
    )
    share: float = Field(
        default=1.0,
        ge=0.0,
        le=10.0,
        description="Its part in the background that all experts are measured against.",
    )
    muted: Annotated[bool, Live("switch", "switch")] = Field(
        default=False, description="Silence it; a silent expert costs nothing."
    )
    solo: Annotated[bool, Live("switch", "switch")] = Field(
        default=False, description="Silence all experts that are not solo."
    )
    from_noise: float = Field(
        default=1.0, ge=0.0, le=1.0, description="It starts to play at this noise; 1 is pure noise."
    )
    to_noise: float = Field(
        default=0.0, ge=0.0, le=1.0, description="It stops at this noise; 0 is clean."
    )

    @property
    def weighs(self) -> float:
        """Its weight in a fusion, as its faders stand."""
        return self.reliability * self.guidance

    def check(self, place: Place) -> Iterator[Diagnostic]:
        """Whether the range of noise is one."""
        yield from check_range(place, self.from_noise, self.to_noise)

    def denoise(
        self,
        plan: PlanBuilder,
        wired: Wired,
        expert: Value,
        condition: Value,
        trained: tuple[float, float] = (0.0, 1.0),
        *adapters: Ref,
        **more: Value,
    ) -> Mapping[str, Carried]:
        """Add the operation that asks this expert, within the noise that it was `trained` on.

        `adapters` tell it more; `more` is what the operation says beyond what all of them say, or
        instead.
        """
        said: dict[str, Value] = {
            "expert": expert,
            "condition": condition,
            "weight": weight(self, wired),
            "guidance": self.control(wired.node, "guidance"),
            "share": self.share,
            "muted": self.control(wired.node, "muted"),
            "solo": self.control(wired.node, "solo"),
            "range": (min(self.from_noise, max(trained)), max(self.to_noise, min(trained))),
        }
        return {"score": plan.add(wired.node, "denoise", *adapters, **{**said, **more})}


def check_range(place: Place, start: float, stop: float) -> Iterator[Diagnostic]:
    """S012 for a range of noise in which nothing would ever play."""
    if start <= stop:
        yield Diagnostic(
            "S012",
            f"'{place.title}' starts at noise {start:g} and stops at {stop:g}: "
            "it would never play.",
            "Let it start at more noise than it stops at.",
        )


def weight(node: Node, wired: Wired) -> tuple[Value, ...]:
    """The factors of a reliability: the node's own fader, and what is wired to it."""
    factors: list[Value] = [node.control(wired.node, "reliability")]
    for more in wired.all("reliability"):
        factors.extend(more)
    return tuple(factors)


class ModelNode(ExpertNode, ABC):
    """An expert whose weights lie in a folder of the library."""

    condition: ClassVar[str]
    """The kind of condition that its model must take."""
    model: Annotated[str, Widget("model")] = Field(
        max_length=200, description="The expert's folder in the library."
    )

    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """Ask the model under what is wired to it."""
        asked = wired.one(self.inputs[0].name) if self.condition != "none" else None
        trained = wired.library.model(self.model).card.level_range
        adapters = wired.all("adapters")
        return self.denoise(plan, wired, self.model, asked, trained, *adapters)

    def space(self, library: Library, incoming: Sequence[Space]) -> Space | None:
        """The latent space of the model."""
        return self.expert(library).space

    def expert(self, library: Library) -> Model:
        """The model of that name."""
        return library.model(self.model)

    def check(self, place: Place) -> Iterator[Diagnostic]:
        """Whether the model is there, takes this kind of condition, and knows what is asked."""
        yield from super().check(place)
        try:
            model = place.library.model(self.model)
        except ChoraleError as error:
            yield from error.diagnostics
            return
        if model.card.condition != self.condition:
            fitting = ", ".join(each.name for each in place.library.models(self.condition))
            yield Diagnostic(
                "M011",
                f"'{place.title}' takes models with the condition {self.condition}; "
                f"'{model.name}' has {model.card.condition}.",
                f"Models that fit: {fitting or 'none'}.",
            )
        else:
            yield from self.understand(place, model)

    def understand(self, place: Place, model: Model) -> Iterator[Diagnostic]:
        """Whether the model knows the words of what is wired to it."""
        yield from ()
