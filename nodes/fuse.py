"""Fusion: several experts become one estimate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Union, cast

from pydantic import Field

from graph import fusion
from graph.errors import ChoraleError, Diagnostic
from graph.fusion.product import Product
from graph.interfaces import FusionRule
from graph.node import Carried, Node, Place, Wired
from graph.plan import Choice, PlanBuilder, Ref, plan_settings
from graph.ports import Kind, Port
from graph.registry import choices
from nodes.experts import ExpertNode

Rule = Annotated[
    Union[tuple(choices(fusion, FusionRule).values())],  # pyright: ignore[reportInvalidTypeForm, reportInvalidTypeArguments, reportUnknownVariableType] # noqa: UP007
    Field(discriminator="name"),
]


def choice(chosen: Any) -> Choice:
    """A rule, sampler or schedule as the plan names it."""
    return Choice(chosen.name, plan_settings(chosen.model_dump(exclude={"name"})))


def fused(plan: PlanBuilder, wired: Wired) -> Ref:
    """The fusion that is wired to `score`; an expert alone, bent or not, is fused with its null.

    What comes over a bridge is fused with the null of its anchor.
    """
    score: Ref = wired.all("score")[0]
    operation = plan.operations[score.number]
    while operation.op in ("modulate", "guide"):
        operation = plan.operations[operation.inputs[0].number]
    if operation.op not in ("denoise", "bridge"):
        return score
    return plan.add(wired.node, "fuse", score, rule=choice(Product()), background=False)


class Fuse(Node):
    """Merges what several experts estimate at the same noise into one estimate."""

    type: ClassVar[str] = "fuse"
    label: ClassVar[str] = "Fuse"
    family: ClassVar[str] = "Fusion"
    synonyms: ClassVar[tuple[str, ...]] = (
        "mix",
        "merge",
        "combine",
        "product of experts",
        "and",
        "not",
    )
    inputs: ClassVar[tuple[Port, ...]] = (
        Port("scores", Kind.SCORE, "The experts to fuse.", many=True),
        Port(
            "background",
            Kind.SCORE,
            "What the experts are measured against; by default the mix of their own nulls.",
            required=False,
        ),
    )
    outputs: ClassVar[tuple[Port, ...]] = (
        Port("score", Kind.SCORE, "One estimate, to be sampled or fused again."),
    )

    rule: Rule = Field(  # pyright: ignore[reportInvalidTypeForm]
        default=Product(), description="How the estimates are merged."
    )

    def check(self, place: Place) -> Iterator[Diagnostic]:
        """Whether something is heard, and whether the rule can do anything sound with the weights.

        Of experts alone: what a fusion that is fused again weighs is not known here.
        """
        rule = cast("FusionRule", self.rule)  # pyright: ignore[reportUnknownMemberType]
        scores = place.all("scores")
        voices = [(title, node) for title, node in scores if isinstance(node, ExpertNode)]
        if not rule.signed:
            yield from _negatives(place.title, voices)
        if rule.most is not None and len(scores) > rule.most:
            yield Diagnostic(
                "F007",
                f"'{place.title}' merges {rule.most} experts at most by this rule, "
                f"got {len(scores)}.",
                "Fuse some of them first, or let it take the product.",
                port="scores",
            )
        try:
            turns = rule.turns(len(scores))
        except ChoraleError as error:
            yield from error.diagnostics
            return
        experts = [node for _, node in voices]
        if len(experts) < len(scores) or not experts:
            return
        if all(expert.muted or expert.weighs == 0 for expert in experts):
            yield Diagnostic(
                "F003",
                f"Every expert of '{place.title}' is muted or at zero: nothing is asked for.",
                "Raise a fader.",
                severity="warning",
            )
        plain = not place.all("background") and not any(expert.has_null for expert in experts)
        nets = dict.fromkeys(turns, 0.0)
        for expert, turn in zip(experts, turns, strict=True):
            nets[turn] += 0.0 if expert.muted else expert.weighs
        net = next((net for net in nets.values() if abs(net - 1.0) > 1e-6), 1.0)
        if rule.needs_background and plain and net != 1.0:
            yield Diagnostic(
                "F005",
                f"The weights of '{place.title}' sum to {net:.3g} without a background: "
                "the result would collapse.",
                "Add a background, or let the weights sum to 1.",
            )

    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """Add the fusion."""
        background = wired.one("background")
        inputs = (*wired.all("scores"), *((background,) if background else ()))
        settings = {"rule": choice(self.rule), "background": background is not None}
        return {"score": plan.add(wired.node, "fuse", *inputs, **settings)}


def _negatives(fusion: str, voices: Sequence[tuple[str, ExpertNode]]) -> Iterator[Diagnostic]:
    """F006 for every expert that is heard below zero."""
    for title, expert in voices:
        if expert.weighs < 0.0 and not expert.muted:
            yield Diagnostic(
                "F006",
                f"The rule of '{fusion}' has no NOT: '{title}' weighs {expert.weighs:.3g}, "
                "expected 0 or more.",
                f"Raise the guidance of '{title}', or let '{fusion}' take the product.",
            )
