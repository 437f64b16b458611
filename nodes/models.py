"""Experts whose weights lie in a folder of the library, one for each kind of condition."""

from __future__ import annotations

import re
from abc import ABC
from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Annotated, Any, ClassVar

from pydantic import Field

from graph.companions import AdapterCard
from graph.errors import ChoraleError, Diagnostic
from graph.folders import denoiser_of, read_json
from graph.headers import shapes_of
from graph.library import Model
from graph.node import Live, Place, Widget
from graph.palettes import MaskClass
from graph.pictures import fitting, nearness
from graph.pipelines import ADAPTABLE
from graph.ports import Kind, Port
from nodes.experts import RELIABILITY, ModelNode
from nodes.label import Label
from nodes.lora import Lora
from nodes.text import Text

ADAPTERS = Port(
    "adapters",
    Kind.ADAPTER,
    "ControlNets and their like, that tell it more.",
    required=False,
    many=True,
)
WORD = re.compile(r"[^\W\d_]+")


def model(default: str) -> Any:
    """The setting that names a folder of the library."""
    return Field(default=default, max_length=200, description="The expert's folder in the library.")


class TextExpert(ModelNode):
    """Paints what a sentence says."""

    type: ClassVar[str] = "text_expert"
    label: ClassVar[str] = "Text expert"
    condition: ClassVar[str] = "text"
    synonyms: ClassVar[tuple[str, ...]] = ("text to image", "prompt model")
    inputs: ClassVar[tuple[Port, ...]] = (
        Port("text", Kind.TEXT, "What to paint."),
        ADAPTERS,
        RELIABILITY,
    )
    model: Annotated[str, Widget("model")] = model("playground/text")

    def understand(self, place: Place, model: Model) -> Iterator[Diagnostic]:
        """Name words that the model does not know, and adapters that do not fit it."""
        yield from _adapted(place, model)
        yield from _tuned(place, model)
        known = {part for word in model.card.vocabulary for part in WORD.findall(word.lower())}
        for title, node in place.all("text"):
            text = node.text if isinstance(node, Text) else ""
            words = dict.fromkeys(WORD.findall(text.lower()))
            strange = [word for word in words if word not in known] if known else []
            if strange:
                names = ", ".join(f"'{word}'" for word in strange[:8])
                close = [near for word in strange for near in get_close_matches(word, known, n=1)]
                yield Diagnostic(
                    "M009",
                    f"'{place.title}' does not know {names} of '{title}'; the rest counts.",
                    f"Words near them: {', '.join(dict.fromkeys(close))}." if close else "",
                    severity="warning",
                )


def _adapted(place: Place, model: Model) -> Iterator[Diagnostic]:
    """M036 for an adapter that was made for another network, M039 where there is none."""
    for title, node in place.all("adapters"):
        name = str(getattr(node, "model", ""))
        found = place.library.attempt_companion(name)
        card = None if isinstance(found, ChoraleError) else found.card
        if not isinstance(card, AdapterCard):
            continue  # the adapter's own check says what is wrong with it
        if model.pipeline not in ADAPTABLE:
            yield Diagnostic(
                "M039",
                f"'{place.title}' takes no adapters: '{model.name}' is a {model.pipeline}.",
                f"Take '{title}' away, or an expert of: {', '.join(ADAPTABLE)}.",
                port="adapters",
            )
            continue
        own = read_json(model.name, denoiser_of(model.folder) / "config.json")
        for setting, wanted in card.network:
            if own.get(setting) != wanted:
                yield Diagnostic(
                    "M036",
                    f"'{title}' tells '{place.title}' more, and '{name}' was made for another base "
                    f"than '{model.name}': {setting} is {own.get(setting)}, expected {wanted}.",
                    "Choose an adapter that was made for this base, or the base it was made for.",
                    port="adapters",
                )
                break


def _tuned(place: Place, model: Model) -> Iterator[Diagnostic]:
    """M040 for a LoRA that was made for other networks, as far as files tell before loading."""
    for _, node in place.all("adapters"):
        if isinstance(node, Lora) and model.file is None:
            try:
                lora = place.library.lora(node.model)
                for part in lora.parts:
                    lora.fitted(model.name, part, shapes_of(model.name, model.folder / part))
            except ChoraleError as error:
                wrong = (each for each in error.diagnostics if each.code == "M040")
                yield from (replace(each, port="adapters") for each in wrong)


def check_fit(
    place: Place,
    port: str,
    size: tuple[int, int],
    palette: Sequence[MaskClass],
    *,
    soft: bool = False,
) -> Iterator[Diagnostic]:
    """A010 for what is changed about a wired picture of another size or with colours of its own.

    `size` is that of the model's own canvas, where the sampler asks for no other. A `soft` mask may
    have colours between two classes.
    """
    for title, node in place.all(port):
        for file in node.files():
            try:
                picture = place.library.picture(file)
            except ChoraleError:
                continue  # the check of files says what is wrong with it
            for canvas in dict.fromkeys(place.canvases(size)):
                changed = fitting(picture, canvas, palette, soft=soft)
                if changed:
                    told = f"The picture of '{title}' is fitted: {changed}."
                    yield Diagnostic("A010", told, severity="note")


def check_relief(place: Place) -> Iterator[Diagnostic]:
    """M027 for a depth map in which nothing is nearer than the rest, which asks for nothing."""
    for title, node in place.all("depth"):
        for file in node.files():
            try:
                picture = place.library.picture(file)
            except ChoraleError:
                continue  # the check of files says what is wrong with it
            grey = nearness(picture, picture.size)
            if grey.min() == grey.max():
                yield Diagnostic(
                    "M027",
                    f"'{title}' is one grey throughout; only the differences of a depth map say "
                    f"anything to '{place.title}'.",
                    "Paint what is nearer lighter.",
                    port="depth",
                    severity="warning",
                )


class PictureExpert(ModelNode, ABC):
    """An expert that is shown a picture."""

    def understand(self, place: Place, model: Model) -> Iterator[Diagnostic]:
        """Say what is changed about a picture of another size or with colours of its own."""
        height, width = (side * model.space.scale for side in model.space.shape[-2:])
        yield from check_fit(place, self.condition, (width, height), model.card.palette)


class MaskExpert(PictureExpert):
    """Paints so that everything lies where the mask says."""

    type: ClassVar[str] = "mask_expert"
    label: ClassVar[str] = "Mask expert"
    condition: ClassVar[str] = "mask"
    synonyms: ClassVar[tuple[str, ...]] = ("segmentation to image", "layout model")
    inputs: ClassVar[tuple[Port, ...]] = (Port("mask", Kind.MASK, "What lies where."), RELIABILITY)
    model: Annotated[str, Widget("model")] = model("playground/mask")


class SketchExpert(PictureExpert):
    """Paints along the lines of a drawing."""

    type: ClassVar[str] = "sketch_expert"
    label: ClassVar[str] = "Sketch expert"
    condition: ClassVar[str] = "sketch"
    synonyms: ClassVar[tuple[str, ...]] = ("scribble model", "line model")
    inputs: ClassVar[tuple[Port, ...]] = (Port("sketch", Kind.SKETCH, "The lines."), RELIABILITY)
    model: Annotated[str, Widget("model")] = model("playground/sketch")


class ClassExpert(ModelNode):
    """Paints a scene of the named class."""

    type: ClassVar[str] = "class_expert"
    label: ClassVar[str] = "Class expert"
    condition: ClassVar[str] = "class"
    synonyms: ClassVar[tuple[str, ...]] = ("class conditional", "scene model", "DiT")
    inputs: ClassVar[tuple[Port, ...]] = (Port("class", Kind.LABEL, "The class."), RELIABILITY)
    model: Annotated[str, Widget("model")] = model("playground/class")

    def understand(self, place: Place, model: Model) -> Iterator[Diagnostic]:
        """Whether the model has the class."""
        labels = model.card.labels
        for title, node in place.all("class"):
            if isinstance(node, Label) and labels and node.name not in labels:
                close = get_close_matches(node.name, labels, n=1)
                yield Diagnostic(
                    "M008",
                    f"'{place.title}' has no class named '{node.name}' as '{title}' asks. "
                    f"It has: {', '.join(labels)}.",
                    f"Did you mean '{close[0]}'?" if close else "Choose one of them.",
                )


class UnconditionalExpert(ModelNode):
    """Paints anything of its world; a background that the other experts are measured against."""

    type: ClassVar[str] = "unconditional_expert"
    label: ClassVar[str] = "Unconditional expert"
    condition: ClassVar[str] = "none"
    synonyms: ClassVar[tuple[str, ...]] = ("background", "prior", "null")
    inputs: ClassVar[tuple[Port, ...]] = (RELIABILITY,)
    guidance: Annotated[float, Live(widget="slider")] = Field(
        default=1.0,
        ge=-15.0,
        le=15.0,
        description="Its weight at full reliability; 1 is as trained, below 0 is NOT.",
    )
    model: Annotated[str, Widget("model")] = model("playground/unconditional")
