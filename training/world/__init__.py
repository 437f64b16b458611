"""The Playground's world: seeded poster landscapes with all their modalities."""

from .canvas import SIZE
from .captions import caption
from .classes import CLASSES, MaskClass, mask_to_rgb, rgb_to_mask
from .render import Pictures, draw
from .scene import (
    BACKGROUNDS,
    COLOURS,
    GROUNDS,
    OBJECT_KINDS,
    PLACES,
    SCENE_KINDS,
    SIZES,
    TIMES,
    WEATHERS,
    Scene,
    SceneObject,
    scene_of,
)
from .words import vocabulary

__all__ = [
    "BACKGROUNDS",
    "CLASSES",
    "COLOURS",
    "GROUNDS",
    "OBJECT_KINDS",
    "PLACES",
    "SCENE_KINDS",
    "SIZE",
    "SIZES",
    "TIMES",
    "WEATHERS",
    "MaskClass",
    "Pictures",
    "Scene",
    "SceneObject",
    "caption",
    "draw",
    "mask_to_rgb",
    "rgb_to_mask",
    "scene_of",
    "vocabulary",
]
