"""The library: experts and files that workflows may name, known without loading torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

ConditionKind = Literal["text", "class", "mask", "sketch", "none", "text+mask+sketch"]


@dataclass(frozen=True, slots=True)
class Space:
    """A latent space: experts can be mixed when they share `id` (the autoencoder's hash)."""

    id: str
    label: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.label} ({'×'.join(map(str, self.shape))})"


class Preview(BaseModel):
    """A linear map from a latent place to a patch of k×k colours in [0, 1].

    `weight` is [channels, 3·k²] and `bias` [3·k²], ordered colour, row, column.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    weight: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]


class MaskClass(BaseModel):
    """A class of a segmentation mask with the colour that paints it."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    name: str
    colour: tuple[int, int, int]


class Card(BaseModel):
    """What an expert's folder says about itself beyond what diffusers' own files say (card.json)."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    condition: ConditionKind
    space: str = "latent"
    palette: tuple[MaskClass, ...] = ()
    labels: tuple[str, ...] = ()
    vocabulary: tuple[str, ...] = ()
    preview: Preview | None = None
    level_range: tuple[float, float] = Field(default=(0.0, 1.0))


@dataclass(frozen=True)
class Model:
    """An expert's folder: what diffusers' files and the card say about it."""

    name: str
    folder: Path
    card: Card
    space: Space
    pipeline: str


class Library:
    """Models below a folder and files by content hash (to be completed by the storage work)."""
