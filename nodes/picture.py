"""The picture that comes out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from graph.errors import Diagnostic
from graph.node import Carried, Node, Place, Sampling, Wired
from graph.plan import Choice, PlanBuilder, Ref, Value
from graph.ports import Kind, Port
from nodes.fuse import fused
from nodes.sampler import Sampler


class Picture(Node):
    """Samples what is wired to it and shows the picture while it forms."""

    type: ClassVar[str] = "picture"
    label: ClassVar[str] = "Picture"
    family: ClassVar[str] = "Output"
    synonyms: ClassVar[tuple[str, ...]] = ("output", "result", "image", "save", "preview")
    inputs: ClassVar[tuple[Port, ...]] = (
        Port("score", Kind.SCORE, "What to sample."),
        Port("sampling", Kind.SAMPLING, "Steps, seed and method.", required=False),
    )
    track: ClassVar[bool] = True

    def check(self, place: Place) -> Iterator[Diagnostic]:
        """Whether a corrector that chooses among samples has enough of them."""
        for title, node in place.all("sampling"):
            for space in place.spaces.get("score", ()):
                if isinstance(node, Sampler):
                    yield from node.crowd(title, space.points)

    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """Noise, one sampled score, decoded; an expert alone is fused with its own null."""
        score = fused(plan, wired)
        sampling: Any = wired.one("sampling") or Sampler().sampling()
        own = wired.spaces["score"][0]
        size = sampling.width or own.size[0], sampling.height or own.size[1]
        space = own.sized(*size)
        noise = plan.add(
            wired.node,
            "noise",
            track="image",
            space=space.id,
            shape=(*space.shape[:-1], space.shape[-1] * sampling.wide),
            seed=sampling.seed,
            samples=tuple(range(sampling.count)),
            **({} if space.points == 1 else {"points": space.points}),
            **({} if _all_own(plan, score, wired, size) else {"size": size}),
        )
        sampled = plan.add(
            wired.node,
            "sample",
            noise,
            score,
            sampler=sampling.sampler,
            schedule=sampling.schedule,
            steps=sampling.steps,
            **_started(sampling),
            **_corrected(sampling.corrector),
            **({} if sampling.wide == 1 else {"wide": sampling.wide}),
        )
        plan.add(wired.node, "decode", sampled)
        return {}


def _all_own(plan: PlanBuilder, score: Ref, wired: Wired, size: tuple[int, int]) -> bool:
    """Whether the size is that of every expert of the space; a plan says another."""
    own = wired.spaces["score"][0]
    built = plan.build()
    names = [
        dict(each.settings).get("expert") for each in built.below(built.operations[score.number])
    ]
    spaces = [wired.library.model(name).space for name in names if isinstance(name, str)]
    return all(each.size == size for each in (own, *spaces) if each.id == own.id)


def _started(sampling: Sampling) -> Mapping[str, Value]:
    """A plan says what it starts from only where that is a picture."""
    if sampling.start is None:
        return {}
    where = {} if sampling.where is None else {"where": sampling.where}
    return {"start": sampling.start, "strength": sampling.strength, **where}


def _corrected(corrector: Choice) -> Mapping[str, Value]:
    """A plan says how it is corrected only where it is."""
    return {} if corrector.name == "none" else {"corrector": corrector}
