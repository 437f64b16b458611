"""Pictures that ask for something: a mask, a sketch, a depth map, a region, a photograph."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from graph.errors import Diagnostic
from graph.node import Carried, Node, Place, Widget, Wired
from graph.plan import Asset, Condition, PlanBuilder
from graph.ports import Kind, Port

STORED = r"^([0-9a-f]{64})?$"
DESCRIPTION = "The stored picture, by the sha256 name of its file; empty while there is none."


class Drawn(Node, ABC):
    """A stored picture as a condition of the kind of its output."""

    family: ClassVar[str] = "Conditions"
    picture: str = Field(default="", pattern=STORED, description=DESCRIPTION)

    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """The picture as a condition."""
        (port,) = self.outputs
        return {port.name: Condition(port.kind.value, Asset(self.picture))}

    def check(self, place: Place) -> Iterator[Diagnostic]:
        """Whether there is a picture."""
        if not self.picture:
            yield Diagnostic("A009", f"'{place.title}' is empty.", "Paint it, or upload a picture.")

    def files(self) -> Iterator[str]:
        """The picture."""
        if self.picture:
            yield self.picture


class Mask(Drawn):
    """A painted map of what lies where: every colour is a class by name.

    Pictures of another size are cropped about their centre and fitted to the canvas. Experts take
    every colour for the nearest class of their palette; to modulators a colour between two classes
    is both, and what is transparent says nothing.
    """

    type: ClassVar[str] = "mask"
    label: ClassVar[str] = "Mask"
    synonyms: ClassVar[tuple[str, ...]] = ("segmentation", "layout", "paint", "semantic map")
    outputs: ClassVar[tuple[Port, ...]] = (Port("mask", Kind.MASK, "The painted mask."),)
    picture: Annotated[str, Widget("mask")] = Field(
        default="", pattern=STORED, description=DESCRIPTION
    )


class Sketch(Drawn):
    """A drawing in black ink on white paper: where the lines of the picture are.

    Pictures of another size are cropped about their centre and fitted to the canvas.
    """

    type: ClassVar[str] = "sketch"
    label: ClassVar[str] = "Sketch"
    synonyms: ClassVar[tuple[str, ...]] = ("drawing", "scribble", "line art", "pen")
    outputs: ClassVar[tuple[Port, ...]] = (Port("sketch", Kind.SKETCH, "The drawing."),)
    picture: Annotated[str, Widget("sketch")] = Field(
        default="", pattern=STORED, description=DESCRIPTION
    )


class Depth(Drawn):
    """A map of what is near and what is far: white is nearest, black is farthest.

    Only the differences of its greys count, not how bright it is as a whole. Pictures of another
    size are cropped about their centre and fitted to the canvas.
    """

    type: ClassVar[str] = "depth"
    label: ClassVar[str] = "Depth"
    synonyms: ClassVar[tuple[str, ...]] = ("depth map", "near and far", "distance", "relief")
    outputs: ClassVar[tuple[Port, ...]] = (Port("depth", Kind.DEPTH, "The depth map."),)
    picture: Annotated[str, Widget("depth")] = Field(
        default="", pattern=STORED, description=DESCRIPTION
    )


class Region(Drawn):
    """A part of the canvas: white is in it, black is not.

    Pictures of another size are cropped about their centre and fitted to the canvas.
    """

    type: ClassVar[str] = "region"
    label: ClassVar[str] = "Region"
    synonyms: ClassVar[tuple[str, ...]] = ("inpaint", "mask", "area", "selection", "hole")
    outputs: ClassVar[tuple[Port, ...]] = (Port("region", Kind.REGION, "The region."),)
    picture: Annotated[str, Widget("region")] = Field(
        default="", pattern=STORED, description=DESCRIPTION
    )


class Photo(Drawn):
    """A photograph or any other picture, for nodes that read one."""

    type: ClassVar[str] = "photo"
    label: ClassVar[str] = "Photo"
    synonyms: ClassVar[tuple[str, ...]] = ("image", "picture", "upload", "photograph")
    outputs: ClassVar[tuple[Port, ...]] = (Port("photo", Kind.PHOTO, "The picture."),)
    picture: Annotated[str, Widget("photo")] = Field(
        default="", pattern=STORED, description=DESCRIPTION
    )
