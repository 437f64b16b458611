"""A bridge: an expert of one latent space takes part in a picture of another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from graph.errors import Diagnostic
from graph.library import COLOURS, Library, Space
from graph.node import Carried, Node, Place, Wired
from graph.plan import PlanBuilder
from graph.ports import Kind, Port


class Bridge(Node):
    """Lets an expert of another latent space, or a fusion of such, take part in this one.

    At every step the anchor's estimate is decoded and encoded again abroad, the foreign expert is
    asked there, and what its condition changes comes home the same way. The fader, switches and
    range of noise are those of the foreign expert.
    """

    type: ClassVar[str] = "bridge"
    label: ClassVar[str] = "Bridge"
    family: ClassVar[str] = "Fusion"
    synonyms: ClassVar[tuple[str, ...]] = (
        "latent space",
        "autoencoder",
        "VAE",
        "convert",
        "translate",
        "interposer",
    )
    spans: ClassVar[bool] = True
    inputs: ClassVar[tuple[Port, ...]] = (
        Port("anchor", Kind.SCORE, "The expert or fusion at home whose estimate is taken over."),
        Port("score", Kind.SCORE, "The expert or fusion of another latent space."),
    )
    outputs: ClassVar[tuple[Port, ...]] = (
        Port("score", Kind.SCORE, "What it changes, at home: to be fused like any expert."),
    )

    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """Bring the foreign score home on the anchor."""
        ends = wired.values["score"][0], wired.values["anchor"][0]
        (foreign,) = wired.spaces["score"]
        return {"score": plan.add(wired.node, "bridge", *ends, shape=foreign.shape)}  # pyright: ignore[reportArgumentType]

    def space(self, library: Library, incoming: Sequence[Space]) -> Space | None:
        """The anchor's latent space, where both are known."""
        return incoming[0] if len(incoming) > 1 else None

    def check(self, place: Place) -> Iterator[Diagnostic]:
        """F012 where none is needed, F013 and F014 where there is no way through pictures."""
        home, foreign = (place.spaces.get(port, ()) for port in ("anchor", "score"))
        unseen = [
            each
            for port, spaces in (("anchor", home), ("score", foreign))
            for each in _pictorial(place.title, port, spaces)
        ]
        yield from unseen
        if unseen:
            return
        own = (0, 0) in place.sizes  # what has a size that is asked for has it on both sides
        for here, there in zip(home, foreign, strict=False):
            if (here.id, here.shape) == (there.id, there.shape):
                yield Diagnostic(
                    "F012",
                    f"'{place.title}' leads from {there} to the same latent space.",
                    "No bridge is needed: wire the expert to the fusion itself.",
                    port="score",
                    severity="note",
                )
            elif own and here.size[0] * there.size[1] != here.size[1] * there.size[0]:
                sizes = ["×".join(map(str, each.size)) for each in (there, here)]
                yield Diagnostic(
                    "F014",
                    f"'{place.title}' leads from pictures of {sizes[0]} pixels to those of "
                    f"{sizes[1]}: they are not of one form.",
                    "Use experts whose pictures have the same proportions, or ask the sampler for "
                    "a width and height that both can paint.",
                    port="score",
                )


def _pictorial(title: str, port: str, spaces: Sequence[Space]) -> Iterator[Diagnostic]:
    """F013 for a score whose state is no picture and has no autoencoder that makes one of it."""
    for space in spaces:
        if not space.pictorial:
            yield Diagnostic(
                "F013",
                f"'{title}' goes by way of pictures, and a state of the space {space} is none; "
                f"expected {COLOURS} channels or an autoencoder.",
                "Wire an expert of pictures.",
                port=port,
            )
