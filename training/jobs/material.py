"""The material of a training, looked through before anything is learned."""

from __future__ import annotations

import base64
import io
from collections import Counter
from typing import Any

from PIL import Image

from graph.errors import ChoraleError, Diagnostic
from training.jobs.config import Playground, Read, refused
from training.modulators import Task, TooFewError
from training.pairs import Material, Pair

SHOWN = 6
SIDE = 96
LISTED = 500


def look(read: Read, pairs: int | None = None) -> tuple[Material, Material]:
    """What is learned from and what is held out; of the Playground's no more than `pairs`.

    ChoraleError T004 where there is too little, with what was left out as notes.
    """
    try:
        return task_of(read, pairs).material()
    except TooFewError as error:
        notes = [
            Diagnostic("T004", f"Left out {each}.", severity="note")
            for each in error.left_out[:LISTED]
        ]
        hint = "Give each picture a map of the same name in every folder of maps."
        raise ChoraleError(Diagnostic("T004", error.message, hint), *notes) from None
    except ValueError as error:
        raise refused("T004", f"The material cannot be used: {error}") from None
    except OSError as error:
        why = error.strerror or "it is no folder"
        raise refused("T004", f"The material cannot be read: {why}.") from None


def task_of(read: Read, pairs: int | None = None) -> Task:
    """The task of a training file."""
    config = read.config
    material = config.material
    count = material.pairs
    if pairs is not None and isinstance(material, Playground):
        count = min(count, pairs)
    return Task(config.name, config.base, config.maps, count, read.folder())


def summary(read: Read, learned: Material, held_out: Material) -> dict[str, Any]:
    """Counts, sizes and what was left out, as an event tells it."""
    pairs, apart = len(learned.pairs), len(held_out.pairs)
    sizes = Counter("×".join(map(str, size)) for size in learned.sizes)
    if isinstance(read.config.material, Playground):  # of which a check draws a few alone
        task = task_of(read)
        pairs, apart = task.pairs, task.held_out
        sizes = Counter({"×".join(map(str, learned.pairs[0].picture.size)): pairs + apart})
    return {
        "pairs": pairs,
        "held_out": apart,
        "maps": list(read.config.maps),
        "sizes": [[size, count] for size, count in sizes.most_common(8)],
        "classes": [each.name for each in learned.palette] if "mask" in read.config.maps else [],
        "left_out": learned.left_out[:LISTED],
    }


def shown(learned: Material) -> list[dict[str, str]]:
    """The first pairs as small pictures: a data URL for the picture and for each map."""
    return [
        {name: _small(each) for name, each in _named(pair).items()}
        for pair in learned.pairs[:SHOWN]
    ]


def _named(pair: Pair) -> dict[str, Image.Image]:
    return {"picture": pair.picture, **pair.maps}


def _small(picture: Image.Image) -> str:
    small = picture.convert("RGB")
    small.thumbnail((SIDE, SIDE))
    stream = io.BytesIO()
    small.save(stream, "WEBP", quality=80)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"
