"""How a picture is sampled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Union, cast

from pydantic import Field

from graph import correctors, samplers, schedules
from graph.correctors.none import Uncorrected
from graph.errors import Diagnostic
from graph.interfaces import Corrector, NoiseSchedule
from graph.interfaces import Sampler as Method
from graph.node import Carried, Node, Place, Sampling, Wired
from graph.pictures import WIDEST
from graph.plan import Condition, PlanBuilder
from graph.ports import Kind, Port
from graph.registry import choices
from graph.samplers.dpmpp_2m import Dpmpp2M
from graph.schedules.log_snr import LogSnr
from nodes.fuse import choice

LARGEST = 8192
"""Pixels of a side: as many as a square has that is sampled at once."""
PLACE = 8
"""Pixels that a drag moves a side by: most latent places have as many."""
PARTICLES = 16
"""Fewer say little of a density."""
Methods = Annotated[
    Union[tuple(choices(samplers, Method).values())],  # pyright: ignore[reportInvalidTypeForm, reportInvalidTypeArguments, reportUnknownVariableType] # noqa: UP007
    Field(discriminator="name"),
]
Correctors = Annotated[
    Union[tuple(choices(correctors, Corrector).values())],  # pyright: ignore[reportInvalidTypeForm, reportInvalidTypeArguments, reportUnknownVariableType] # noqa: UP007
    Field(discriminator="name"),
]
Schedules = Annotated[
    Union[tuple(choices(schedules, NoiseSchedule).values())],  # pyright: ignore[reportInvalidTypeForm, reportInvalidTypeArguments, reportUnknownVariableType] # noqa: UP007
    Field(discriminator="name"),
]


class Sampler(Node):
    """Steps, seed and method of a run."""

    type: ClassVar[str] = "sampler"
    label: ClassVar[str] = "Sampler"
    family: ClassVar[str] = "Output"
    synonyms: ClassVar[tuple[str, ...]] = (
        "solver",
        "steps",
        "seed",
        "noise schedule",
        "KSampler",
        "panorama",
        "size",
        "width",
        "height",
        "resolution",
        "aspect",
        "image to image",
        "img2img",
        "denoise",
        "strength",
    )
    inputs: ClassVar[tuple[Port, ...]] = (
        Port("start", Kind.PHOTO, "A picture to start from, instead of noise.", required=False),
        Port("where", Kind.REGION, "Where that may change: white.", required=False),
    )
    outputs: ClassVar[tuple[Port, ...]] = (
        Port("sampling", Kind.SAMPLING, "How to sample, for a picture."),
    )

    steps: int = Field(default=24, ge=1, le=200, description="More steps cost more and err less.")
    seed: int = Field(
        default=7, ge=0, le=2**32 - 1, description="The same seed paints the same picture."
    )
    count: int = Field(default=1, ge=1, le=64, description="Pictures in one batch.")
    width: int = Field(
        default=0,
        ge=0,
        le=LARGEST,
        description="Pixels from left to right; 0 is the experts' own width.",
        json_schema_extra={"step": PLACE, "zero": "own", "side": 0},
    )
    height: int = Field(
        default=0,
        ge=0,
        le=LARGEST,
        description="Pixels from top to bottom; 0 is the experts' own height.",
        json_schema_extra={"step": PLACE, "zero": "own", "side": 1},
    )
    wide: int = Field(
        default=1,
        ge=1,
        le=WIDEST,
        description="How many times as wide as the experts' canvas: a panorama, of windows "
        "that overlap by half.",
    )
    strength: float = Field(
        default=0.6,
        ge=0.0,
        le=1.0,
        description="How much of the steps is taken from a picture that is wired to start: near 0 "
        "it stays as it is, at 1 next to nothing of it is left. Without one all steps are taken.",
    )
    method: Methods = Field(  # pyright: ignore[reportInvalidTypeForm]
        default=Dpmpp2M(), description="How a step is taken."
    )
    schedule: Schedules = Field(  # pyright: ignore[reportInvalidTypeForm]
        default=LogSnr(), description="Which noise levels are visited."
    )
    corrector: Correctors = Field(  # pyright: ignore[reportInvalidTypeForm]
        default=Uncorrected(),
        description="What moves every step towards the density that the weights name.",
    )

    @property
    def asked_size(self) -> tuple[int, int]:
        """Width and height as they are set."""
        return self.width, self.height

    @property
    def asked_times(self) -> int:
        """How wide the panorama is."""
        return self.wide

    def check(self, place: Place) -> Iterator[Diagnostic]:
        """Whether the corrector has the sampler that it needs, and a region its picture."""
        corrector, method = cast("Corrector", self.corrector), cast("Method", self.method)
        if corrector.diffusing and not method.diffuses:
            yield Diagnostic(
                "C005",
                f"The corrector {corrector.name} of '{place.title}' weighs a path of fresh noise, "
                f"which {choice(method)} does not take.",
                "Let the method be euler_maruyama, or euler_ancestral with eta 1.",
            )
        if place.all("where") and not place.all("start"):
            yield Diagnostic(
                "C010",
                f"'{place.title}' is told where it may paint, and has no picture for the rest.",
                "Wire the picture to its start, or unwire where.",
                port="where",
            )

    def crowd(self, title: str, points: int) -> Iterator[Diagnostic]:
        """C006 where a corrector has too few particles, `points` of them to a picture."""
        corrector = cast("Corrector", self.corrector)
        if corrector.couples and self.count * points < PARTICLES:
            yield Diagnostic(
                "C006",
                f"The corrector {corrector.name} of '{title}' chooses among the pictures of "
                f"a batch; {self.count} are too few to choose from, expected {PARTICLES} or more.",
                f"Raise the count to {PARTICLES}.",
                severity="warning",
            )

    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """These settings, carried to the picture."""
        return {"sampling": self.sampling(wired.one("start"), wired.one("where"))}

    def sampling(self, start: Condition | None = None, where: Condition | None = None) -> Sampling:
        """The settings as data, with the picture to start from and where it may change."""
        return Sampling(
            choice(self.method),
            choice(self.schedule),
            self.steps,
            self.seed,
            self.count,
            choice(self.corrector),
            self.wide,
            self.width,
            self.height,
            start,
            self.strength,
            where,
        )
