"""Sight: how a model of transformers wants its pictures; read without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from graph.companions import Companion
from graph.folders import read_json

Triple = tuple[float, float, float]
Side = Annotated[int, Field(ge=8, le=2048)]
Deviation = Annotated[float, Field(gt=1e-3)]


class Sight(BaseModel):
    """How a model wants its pictures: the part of preprocessor_config.json that is read."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)
    size: tuple[Side, Side] | None = None
    image_mean: Triple = (0.5, 0.5, 0.5)
    image_std: tuple[Deviation, Deviation, Deviation] = (0.5, 0.5, 0.5)

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Sight:
        """From the file's content; the whole picture is seen, and nothing is cropped away."""
        size: Any = config.get("crop_size") or config.get("size")
        if isinstance(size, Mapping):
            sides: Mapping[str, Any] = size  # pyright: ignore[reportUnknownVariableType]
            edge = sides.get("shortest_edge")
            size = (sides.get("height", edge), sides.get("width", edge))
        elif size is not None:
            size = (size, size)
        return cls.model_validate({**config, "size": size})

    @property
    def canvas(self) -> tuple[int, int] | None:
        """Its size as (width, height)."""
        return None if self.size is None else (self.size[1], self.size[0])


def sight_of(companion: Companion) -> Sight:
    """That of a folder; ValueError for numbers that no model has."""
    path = companion.folder / "preprocessor_config.json"
    return Sight.of(read_json(companion.name, path) if path.is_file() else {})
