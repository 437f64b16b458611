"""Experts that change a photograph: as a sentence says, or within a region."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from graph.errors import ChoraleError, Diagnostic
from graph.fusion.product import Product
from graph.library import Model
from graph.node import Carried, Live, Place, Widget, Wired
from graph.pictures import region
from graph.plan import Condition, PlanBuilder
from graph.ports import Kind, Port
from nodes.experts import RELIABILITY, ModelNode
from nodes.fuse import choice
from nodes.models import check_fit

PHOTO = Port("photo", Kind.PHOTO, "The picture that is changed.")


def model(default: str, condition: str) -> Any:
    """The setting that names a folder of the library with a condition of several parts."""
    return Field(
        default=default,
        max_length=200,
        description="The expert's folder in the library.",
        json_schema_extra={"hears": condition},
    )


class ChangingExpert(ModelNode, ABC):
    """An expert that is told several things at once, a photograph among them."""

    def told(self, wired: Wired, *without: str) -> tuple[Condition, ...]:
        """What is wired, of the kinds that the model takes, but for some of them."""
        kinds = [kind for kind in self.condition.split("+") if kind not in without]
        return tuple(each for kind in kinds for each in wired.all(kind))

    def understand(self, place: Place, model: Model) -> Iterator[Diagnostic]:
        """Say what is changed about pictures of another size."""
        for kind in self.condition.split("+"):
            yield from check_fit(place, kind, model.canvas, ())


class EditExpert(ChangingExpert):
    """Changes a photograph as a sentence says, such as "make it night"."""

    type: ClassVar[str] = "edit_expert"
    label: ClassVar[str] = "Edit expert"
    condition: ClassVar[str] = "text+photo"
    synonyms: ClassVar[tuple[str, ...]] = ("InstructPix2Pix", "instruction", "image to image")
    inputs: ClassVar[tuple[Port, ...]] = (
        Port("text", Kind.TEXT, "What is to be done to the photograph.", required=False),
        PHOTO,
        RELIABILITY,
    )
    guidance: Annotated[float, Live(widget="slider")] = Field(
        default=7.5,
        ge=-15.0,
        le=15.0,
        description="How far the sentence is followed at full reliability; 1 is as trained.",
    )
    picture_guidance: Annotated[float, Live(widget="slider")] = Field(
        default=1.5,
        ge=1.0,
        le=5.0,
        description="How near it keeps to the photograph at full reliability; 1 is as trained.",
        json_schema_extra={"after": "guidance"},
    )
    model: Annotated[str, Widget("model")] = model("timbrooks/instruct-pix2pix", condition)

    @property
    def weighs(self) -> float:
        """It is fused as the one fusion that it is: as a whole, or not at all."""
        return float(self.reliability > 0.0)

    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """Fuse two voices, each measured against what is told to it without its own part.

        N + s_I·(D(∅, I) − N) + s_T·(D(T, I) − D(∅, I)) with N = D(∅, ∅): arXiv 2211.09800,
        equation 3. The background is that of the picture's voice alone.
        """
        trained = wired.library.model(self.model).card.level_range
        shown = self.told(wired, "text")
        sentence = self.denoise(
            plan, wired, self.model, self.told(wired), trained, share=0.0, null=shown
        )
        picture = self.denoise(
            plan,
            wired,
            self.model,
            shown,
            trained,
            guidance=self.control(wired.node, "picture_guidance"),
            share=1.0,
            part="picture",
        )
        fused = plan.add(
            wired.node,
            "fuse",
            *(each["score"] for each in (sentence, picture)),  # pyright: ignore[reportArgumentType]
            rule=choice(Product(reference="own")),
            background=False,
            share=self.share,
        )
        return {"score": fused}


class InpaintExpert(ChangingExpert):
    """Paints a region of a photograph anew, as a sentence says."""

    type: ClassVar[str] = "inpaint_expert"
    label: ClassVar[str] = "Inpaint expert"
    condition: ClassVar[str] = "text+photo+region"
    synonyms: ClassVar[tuple[str, ...]] = ("inpainting", "outpainting", "fill", "erase", "repair")
    inputs: ClassVar[tuple[Port, ...]] = (
        Port("text", Kind.TEXT, "What is painted there.", required=False),
        PHOTO,
        Port("region", Kind.REGION, "Where: white is painted anew, black stays."),
        RELIABILITY,
    )
    guidance: Annotated[float, Live(widget="slider")] = Field(
        default=7.5,
        ge=-15.0,
        le=15.0,
        description="How far the sentence is followed at full reliability; 1 is as trained. "
        "Below 0 the picture keeps away from it: NOT.",
    )
    model: Annotated[str, Widget("model")] = model(
        "stable-diffusion-v1-5/stable-diffusion-inpainting", condition
    )

    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """Ask under everything; picture and region are shown where no sentence is asked too."""
        trained = wired.library.model(self.model).card.level_range
        shown = self.told(wired, "text")
        return self.denoise(plan, wired, self.model, self.told(wired), trained, null=shown)

    def understand(self, place: Place, model: Model) -> Iterator[Diagnostic]:
        """Say what is changed about the pictures, and M044 for a region in which nothing lies."""
        yield from super().understand(place, model)
        for title, node in place.all("region"):
            for file in node.files():
                try:
                    picture = place.library.picture(file)
                except ChoraleError:
                    continue  # the check of files says what is wrong with it
                if not any(region(picture, size).any() for size in place.canvases(model.canvas)):
                    yield Diagnostic(
                        "M044",
                        f"'{title}' is black throughout: '{place.title}' has nothing to paint.",
                        "Paint white what is to be painted anew.",
                        port="region",
                        severity="warning",
                    )
