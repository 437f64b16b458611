"""What modulators learn from: pictures with their maps, of a Playground draw or of a folder."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from graph.assets import open_picture
from graph.errors import ChoraleError
from graph.palettes import MaskClass
from graph.pictures import eight_bits, fitting, nearness, stretched
from training.loosening import LOOSER
from training.pictures import depth_picture, mask_picture, sketch_picture, to_bytes
from training.world import CLASSES, SCENE_KINDS, draw

PICTURES = "pictures"
SHOWN = {"mask": mask_picture, "sketch": sketch_picture, "depth": depth_picture}
"""The maps that the world draws of its scenes."""
FORMATS = (".png", ".jpg", ".jpeg", ".webp")
CHUNK = 50
LEAST = 0.8
"""The least part of a picture's sides that a view shows."""
LARGEST = 768
"""Pixels on the longer side of what is kept in memory of a larger picture."""
ODD = 0.02
"""How far the proportions of a map may be from its picture's."""


@dataclass(frozen=True)
class Pair:
    """A picture with its maps by kind, and what is said of it by kind of condition."""

    picture: Image.Image
    maps: dict[str, Image.Image]
    said: dict[str, str] = field(default_factory=dict)

    def flipped(self) -> "Pair":
        """The mirror image of picture and maps together; no sentence is known to be true of it."""
        kept = {kind: value for kind, value in self.said.items() if kind != "text"}
        maps = {kind: _mirror(each) for kind, each in self.maps.items()}
        return Pair(_mirror(self.picture), maps, kept)

    def cropped(self, box: Sequence[float]) -> "Pair":
        """The part of picture and maps within a box (left, top, right, bottom), each 0 to 1."""
        kept = {kind: value for kind, value in self.said.items() if kind != "text"}
        maps = {kind: _within(each, box) for kind, each in self.maps.items()}
        return Pair(_within(self.picture, box), maps, kept)

    def views(self, count: int, generator: torch.Generator) -> list["Pair"]:
        """The pair, its mirror image, and as many random parts of either as make `count`.

        A part is four fifths of the picture's sides or more, of its proportions.
        """
        found = [self, self.flipped()]
        while len(found) < count:
            size, left, top = torch.rand(3, generator=generator).tolist()
            size = LEAST + (1.0 - LEAST) * size
            left, top = left * (1.0 - size), top * (1.0 - size)
            part = found[len(found) % 2].cropped((left, top, left + size, top + size))
            found.append(part)
        return found[:count]

    def loosened(self, generator: torch.Generator) -> "Pair":
        """The pair with its maps as a hurried hand makes them."""
        maps = {kind: LOOSER[kind](each, generator) for kind, each in self.maps.items()}
        return Pair(self.picture, maps, self.said)

    def condition(self, kind: str) -> Any:
        """What an expert with this kind of condition is asked with; None if that is not known."""
        known = {**self.said, **self.maps}
        if "+" in kind:
            return {each: known[each] for each in kind.split("+") if each in known} or None
        return known.get(kind)


@dataclass(frozen=True)
class Material:
    """Pairs with the palette of their masks, and why other files were left out.

    `sizes` are those of the pictures as they lay in a folder.
    """

    pairs: list[Pair]
    palette: tuple[MaskClass, ...]
    left_out: list[str]
    sizes: tuple[tuple[int, int], ...] = ()

    @property
    def digest(self) -> str:
        """16 hexadecimal digits for the content of every pair."""
        content = hashlib.sha256()
        for pair in self.pairs:
            for kind, picture in sorted({PICTURES: pair.picture, **pair.maps}.items()):
                content.update(f"{kind} {picture.size}".encode() + picture.tobytes())
        return content.hexdigest()[:16]


def _within(picture: Image.Image, box: Sequence[float]) -> Image.Image:
    width, height = picture.size
    left, top, right, bottom = box
    return picture.crop(
        (round(left * width), round(top * height), round(right * width), round(bottom * height))
    )


def drawn(name: str, kinds: tuple[str, ...], count: int) -> Material:
    """The first pairs of a draw of the procedural world."""
    pairs: list[Pair] = []
    for start in range(0, count, CHUNK):
        block = draw(name, start, min(CHUNK, count - start))
        shown = {kind: SHOWN[kind](block) for kind in kinds}
        for i, caption in enumerate(block.captions):
            maps = {kind: _image(shown[kind][i]) for kind in kinds}
            said = {"text": caption, "class": SCENE_KINDS[int(block.scene_kind[i])]}
            pairs.append(Pair(_image(block.picture[i]), maps, said))
    palette = tuple(MaskClass(name=each.name, colour=each.colour) for each in CLASSES)
    return Material(pairs, palette, [])


def of_folder(folder: Path, kinds: tuple[str, ...]) -> Material:
    """The pairs of `folder`/pictures and of `folder`/KIND, matched by the names of their files.

    Unmatched, corrupt and odd ones are left out and listed, large ones kept smaller. `palette.json`
    names the classes of masks: [{"name": "sky", "colour": [116, 176, 224]}, …]; without it colours
    stay as they are.

    Raises:
        ValueError: the folder has no pictures, or a palette that is none.
    """
    if not (folder / PICTURES).is_dir():
        raise ValueError(
            f"'{folder}' has no folder '{PICTURES}'. Put the pictures there, and their maps of the "
            f"same names into {', '.join(repr(kind) for kind in kinds)}."
        )
    palette, left_out = _palette(folder), list[str]()
    files = {kind: _files(folder / kind, left_out) for kind in (PICTURES, *kinds)}
    pairs, sizes = list[Pair](), list[tuple[int, int]]()
    for name in sorted(set().union(*files.values())):
        missing = [kind for kind, known in files.items() if name not in known]
        if missing:
            left_out.append(f"{name}: it is not in {', '.join(missing)}")
            continue
        try:
            opened = {kind: _opened(kind, known[name]) for kind, known in files.items()}
        except ValueError as error:
            left_out.append(str(error))
            continue
        why = "; ".join(_odd(opened, kinds, palette))
        if why:
            left_out.append(f"{name}: {why}")
        else:
            sizes.append(opened[PICTURES].size)
            small = {kind: _smaller(each, kind == "mask") for kind, each in opened.items()}
            pairs.append(Pair(small.pop(PICTURES), small))
    return Material(pairs, palette, left_out, tuple(sizes))


def _files(folder: Path, left_out: list[str]) -> dict[str, Path]:
    """The pictures of a folder by their names without endings."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*")) if folder.is_dir() else ():
        if path.suffix.lower() not in FORMATS:
            left_out.append(f"{folder.name}/{path.name}: expected {', '.join(FORMATS)}")
        elif path.stem in found:
            left_out.append(f"{folder.name}/{path.name}: there is {found[path.stem].name} too")
        else:
            found[path.stem] = path
    return found


def _opened(kind: str, path: Path) -> Image.Image:
    eight = stretched if kind == "depth" else eight_bits
    try:
        picture = eight(open_picture(path.read_bytes()))
        told_in_part = kind == "mask" and picture.has_transparency_data
        return picture.convert("RGBA" if told_in_part else "RGB")
    except ChoraleError as error:
        raise ValueError(f"{path.parent.name}/{path.name}: {error}") from None
    except OSError as error:
        raise ValueError(f"{path.parent.name}/{path.name}: {error.strerror}") from None


def _smaller(picture: Image.Image, sharp: bool) -> Image.Image:
    """The picture, or a smaller one of its proportions; `sharp` mixes no colours."""
    method = Image.Resampling.NEAREST if sharp else Image.Resampling.LANCZOS
    picture.thumbnail((LARGEST, LARGEST), method)
    return picture


def _odd(
    opened: dict[str, Image.Image], kinds: tuple[str, ...], palette: tuple[MaskClass, ...]
) -> Iterator[str]:
    """What makes a pair no pair: other proportions, colours of no class, depth without any."""
    width, height = opened[PICTURES].size
    for kind in kinds:
        wide, high = opened[kind].size
        if abs(wide / high - width / height) > ODD * width / height:
            yield f"the {kind} is {wide}×{high} and the picture {width}×{height}"
        elif kind == "mask" and (
            changed := fitting(opened[kind], (wide, high), palette, soft=True)
        ):
            yield f"of the mask {changed}"
        elif kind == "depth" and np.ptp(nearness(opened[kind], (wide, high))) == 0:
            yield "the depth is one grey throughout"


def _palette(folder: Path) -> tuple[MaskClass, ...]:
    path = folder / "palette.json"
    if not path.is_file():
        return ()
    try:
        return tuple(TypeAdapter(list[MaskClass]).validate_python(json.loads(path.read_text())))
    except (ValueError, OSError, ValidationError) as error:
        raise ValueError(f"'{path}' is no palette: {error}") from None


def _image(picture: Tensor) -> Image.Image:
    """[3, h, w] in [0, 1] as a picture."""
    return Image.fromarray(to_bytes(picture).movedim(0, -1).contiguous().numpy())


def _mirror(picture: Image.Image) -> Image.Image:
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
