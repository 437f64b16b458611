"""Paints the pictures of the example workflows, each with its workflow inside.

Run as `python -m training.gallery` whenever experts or examples have changed.
"""

from collections.abc import Sequence

from PIL import Image
from tqdm import tqdm

from graph.errors import ChoraleError
from graph.events import Failure, Result
from graph.storage import write_picture
from studio.piece import WORKFLOWS, load


def strip(pictures: Sequence[Image.Image]) -> Image.Image:
    """The pictures of a batch side by side."""
    width, height = pictures[0].size
    sheet = Image.new("RGB", (width * len(pictures), height))
    for index, picture in enumerate(pictures):
        sheet.paste(picture, (index * width, 0))
    return sheet


def main() -> None:
    """Run every example and keep what it paints beside it."""
    for path in tqdm(sorted(WORKFLOWS.glob("*.json")), unit="picture"):
        piece = load(path)
        for event in piece.play():
            if isinstance(event, Failure):
                raise ChoraleError(*event.diagnostics)
            if isinstance(event, Result):
                target = path.with_suffix(".png")
                write_picture(target, strip(event.pictures), piece.workflow, event.record)


if __name__ == "__main__":
    main()
