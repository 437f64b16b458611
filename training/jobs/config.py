"""The training file: what is trained, on what, for how long; read without torch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from graph.companions import MAPS, USUAL_MAPS, MapKind
from graph.errors import ChoraleError, Diagnostic
from graph.jsontext import parse_json, read_limited
from graph.words import describe, got, where

VERSION = 1
LARGEST = 2**16
MOST = 2_000
"""Pairs, or pictures; they are kept in memory."""
NAME = r"^[a-z0-9][a-z0-9-]{0,39}$"


def _in_groups(width: int) -> int:
    if width % 8:
        raise ValueError("a multiple of 8")
    return width


Width = Annotated[int, Field(ge=8, le=256), AfterValidator(_in_groups)]


class Part(BaseModel):
    """A part of a training file: nothing unknown, nothing that is no number."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Playground(Part):
    """Pairs that the Playground paints, of a draw that belongs to this training alone."""

    source: Literal["playground"]
    pairs: int = Field(default=200, ge=2, le=MOST)


class Folder(Part):
    """Pairs of one's own in pictures/ and a folder for each kind of map; `pairs` takes fewer."""

    source: Literal["folder"]
    path: str = Field(min_length=1, max_length=1_000)
    pairs: int = Field(default=MOST, ge=2, le=MOST)


class Tuning(Part):
    """How it is trained; what is left out is as docs/train.md says."""

    batch: int | None = Field(default=None, ge=1, le=512)
    levels: int | None = Field(default=None, ge=1, le=16)
    reuse: Literal[1, 2, 4, 8, 16] | None = None
    even: float | None = Field(default=None, ge=0.0, le=1.0)
    lr: float | None = Field(default=None, gt=0.0, le=0.1)
    ema: float | None = Field(default=None, ge=0.0, lt=1.0)
    decay: float | None = Field(default=None, ge=0.0, le=1.0)
    drop: float | None = Field(default=None, ge=0.0, le=0.9)
    loose: float | None = Field(default=None, ge=0.0, le=1.0)
    views: int | None = Field(default=None, ge=1, le=32)
    silence: float | None = Field(default=None, ge=0.0, le=0.9)
    widths: tuple[Width, ...] | None = Field(default=None, min_length=1, max_length=5)
    validate_minutes: float | None = Field(default=None, gt=0.0, le=1.0)

    @property
    def given(self) -> dict[str, Any]:
        """The settings that the file names."""
        return self.model_dump(exclude_none=True)


class GuidanceTuning(Part):
    """How a guidance expert is taught; what is left out is as docs/train.md says."""

    ranges: int | None = Field(default=None, ge=1, le=16)
    share: float | None = Field(default=None, gt=0.0, le=1.0)
    sees: Literal["state", "estimate"] | None = None
    held_out: int | None = Field(default=None, ge=1, le=MOST)
    steps: int | None = Field(default=None, ge=2, le=200)
    batch: int | None = Field(default=None, ge=1, le=512)
    lr: float | None = Field(default=None, gt=0.0, le=0.1)
    ema: float | None = Field(default=None, ge=0.0, lt=1.0)
    decay: float | None = Field(default=None, ge=0.0, le=1.0)
    validate_minutes: float | None = Field(default=None, gt=0.0, le=1.0)

    @property
    def given(self) -> dict[str, Any]:
        """The settings that the file names."""
        return self.model_dump(exclude_none=True)


class Asked(Part):
    """What every training file says: which expert the module is made for, and for how long."""

    chorale_training: Literal[1]
    name: str = Field(pattern=NAME)
    base: str = Field(default="playground/unconditional", max_length=200)
    steps: int | None = Field(default=None, ge=1, le=10_000_000)
    minutes: float | None = Field(default=None, gt=0.0, le=10_080.0)

    @model_validator(mode="after")
    def _one_budget(self) -> Self:
        if (self.steps is None) == (self.minutes is None):
            raise ValueError("either steps or minutes")
        return self


class ModulatorConfig(Asked):
    """A modulator to be trained: a module that bends `base` by `maps`."""

    kind: Literal["modulator"]
    maps: tuple[MapKind, ...] = Field(default=USUAL_MAPS, min_length=1, max_length=len(MAPS))
    material: Annotated[Playground | Folder, Field(discriminator="source")] = Playground(
        source="playground"
    )
    settings: Tuning = Tuning()

    @field_validator("maps")
    @classmethod
    def _in_order(cls, maps: tuple[MapKind, ...]) -> tuple[MapKind, ...]:
        if len(set(maps)) < len(maps):
            raise ValueError("every map once")
        return tuple(kind for kind in MAPS if kind in maps)


class GuidanceConfig(Asked):
    """A guidance expert to be made: `onlooker`, taught to look through the noise of `base`."""

    kind: Literal["guidance"]
    onlooker: str = Field(default="playground/classifier", max_length=200)
    samples: int = Field(default=384, ge=2, le=MOST)
    settings: GuidanceTuning = GuidanceTuning()


Config = ModulatorConfig | GuidanceConfig
"""What is trained, told by its `kind`."""


@dataclass(frozen=True)
class Read:
    """A training file that is in order, and where it lies: folders in it start from there."""

    config: Config
    place: Path

    def folder(self) -> Path | None:
        """The folder of the material; None where it is painted."""
        material = self.config.material if isinstance(self.config, ModulatorConfig) else None
        return self.place / material.path if isinstance(material, Folder) else None

    def absolute(self) -> str:
        """The training file as it may lie anywhere."""
        told = self.config.model_dump(mode="json", exclude_none=True)
        folder = self.folder()
        if folder is not None:
            told["material"]["path"] = str(folder)
        return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


def read_config(path: Path) -> Read:
    """Read a training file; ChoraleError T001 to T003 with everything that is wrong in it."""
    try:
        content = parse_json(read_limited(path, LARGEST), LARGEST)
    except ChoraleError as error:
        why = error.diagnostics[0].message
        raise refused("T001", f"The training file cannot be read. {why}", _EXAMPLE) from None
    version = content.get("chorale_training") if isinstance(content, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    if isinstance(version, int) and version > VERSION:
        raise refused(
            "T003",
            f"The training file is of version {version}; this program reads {VERSION}.",
            "Update Chorale.",
        )
    try:
        return Read(_ADAPTER.validate_python(content), path.resolve().parent)
    except ValidationError as error:
        raise ChoraleError(*_wrong(error.errors()[:20])) from None


_ADAPTER: TypeAdapter[Config] = TypeAdapter(Annotated[Config, Field(discriminator="kind")])
_EXAMPLE = "See the example in docs/train.md."


def refused(code: str, message: str, hint: str = "") -> ChoraleError:
    """The error with one diagnostic."""
    return ChoraleError(Diagnostic(code, message, hint))


def _wrong(errors: list[Any]) -> Iterator[Diagnostic]:
    """T002 for each thing that is wrong; a list is not short because of what is wrong in it."""
    places = {error["loc"][:-1] for error in errors}
    for error in errors:
        if error["type"] == "too_short" and error["loc"] in places:
            continue
        expected = describe(error).expected
        # the names of the choices that pydantic made stand in no file
        _, *path = error["loc"] or ("",)
        if error["type"].startswith("union_tag") and not path:
            path = ["kind"]
        if path[:1] == ["material"]:
            del path[1:2]
        place = where(path)
        if place:
            message = f"In the training file, {place}: expected {expected}, got {got(error)}."
        else:
            message = f"The training file needs {expected}."
        yield Diagnostic("T002", message, _EXAMPLE)
