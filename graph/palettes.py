"""Palettes: the classes of a segmentation mask with the colours that paint them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class MaskClass(BaseModel):
    """A class of a segmentation mask with the colour that paints it."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    name: str
    colour: tuple[int, int, int]
