"""Draws a small picture of every class that the class expert knows, for the page's picker.

Run as `python -m training.thumbnails`; the world draws the same pictures on every machine.
"""

import json
from itertools import count
from pathlib import Path

import torch
from PIL import Image
from torch.nn import functional

from training.sheet import tile
from training.world import SCENE_KINDS, Scene, draw, scene_of

FOLDER = Path(__file__).parent.parent / "assets" / "models" / "playground" / "class"
DRAW = "thumbnails"
SIDE = 64


def find(kind: int) -> int:
    """The first picture of the draw of this kind, in clear weather, with one thing in it."""

    def fits(scene: Scene) -> bool:
        return (scene.kind, scene.weather, len(scene.objects)) == (kind, "clear", 1)

    return next(index for index in count() if fits(scene_of(DRAW, index)))


def sprite(labels: list[str]) -> Image.Image:
    """The classes side by side, five a row, in the order of the labels."""
    kinds = [SCENE_KINDS.index(label) for label in labels]
    pictures = torch.cat([draw(DRAW, find(kind), 1).picture for kind in kinds])
    return tile(functional.interpolate(pictures, (SIDE, SIDE), mode="area"), 5)


def main() -> None:
    """Write the sprite beside the folder whose card names its classes."""
    labels = json.loads((FOLDER / "card.json").read_text())["labels"]
    path = FOLDER.with_suffix(".webp")
    sprite(labels).save(path, "WEBP", quality=82, method=6)
    print(path)


if __name__ == "__main__":
    main()
