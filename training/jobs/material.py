"""The pairs of a modulator's training, looked through before anything is learned."""

from __future__ import annotations

from collections import Counter
from typing import Any

from graph.errors import ChoraleError, Diagnostic
from training.jobs.config import refused
from training.jobs.small import small
from training.modulators import Task, TooFewError
from training.pairs import Material

SHOWN = 6
LISTED = 500


def look(task: Task) -> tuple[Material, Material]:
    """What is learned from and what is held out.

    ChoraleError T004 where there is too little, with what was left out as notes.
    """
    try:
        return task.material()
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


def summary(task: Task, learned: Material, held_out: Material) -> dict[str, Any]:
    """Counts, sizes and what was left out, as an event tells it.

    Of pairs that the Playground paints it is enough that some are there.
    """
    pairs, apart = len(learned.pairs), len(held_out.pairs)
    sizes = Counter(map(_by, learned.sizes))
    if task.folder is None:
        pairs, apart = task.pairs, task.held_out
        sizes = Counter({_by(learned.pairs[0].picture.size): pairs + apart})
    classes = [each.name for each in learned.palette] if "mask" in task.maps else []
    common = ", ".join(f"{count} of {size}" for size, count in sizes.most_common(8))
    counts = f"{pairs} pairs to learn from, {apart} held out, with {' and '.join(task.maps)}"
    named = f" Classes: {', '.join(classes)}." if classes else ""
    return {
        "said": [f"{counts}; {common}.{named}"],
        "pairs": pairs,
        "held_out": apart,
        "maps": list(task.maps),
        "sizes": [[size, count] for size, count in sizes.most_common(8)],
        "classes": classes,
        "left_out": learned.left_out[:LISTED],
    }


def shown(learned: Material) -> list[dict[str, str]]:
    """The first pairs as small pictures: a data URL for the picture and for each map."""
    return [
        {"picture": small(pair.picture)} | {kind: small(each) for kind, each in pair.maps.items()}
        for pair in learned.pairs[:SHOWN]
    ]


def _by(size: tuple[int, int]) -> str:
    return "×".join(map(str, size))
