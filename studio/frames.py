"""Events as the page reads them: plain JSON, pictures as data URLs, maps as bytes in base64."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graph.events import Event, Failure, Meters, Progress, Result, Stopped
from graph.plan import Plan, Sweep

if TYPE_CHECKING:
    from PIL.Image import Image

Frame = dict[str, Any]
PREVIEW_QUALITY = 82


def frame(event: Event, pictures: Sequence[bytes] = ()) -> Frame:
    """One event as JSON; `pictures` are the PNG files of a result."""
    match event:
        case Progress():
            return {
                "type": "progress",
                "track": event.track,
                "step": event.step,
                "steps": event.steps,
                "noise": round(event.level.noise, 4),
                "seconds_left": round(event.seconds_left, 2),
                "weights": dict(event.weights),
                "preview": [_jpeg(picture) for picture in event.preview] if event.preview else None,
                "meters": meters(event.meters) if event.meters else None,
                "readings": {name: round(each, 3) for name, each in event.readings.items()},
            }
        case Result():
            return {
                "type": "result",
                "track": event.track,
                "pictures": [_address("png", picture) for picture in pictures],
                "meters": meters(event.meters) if event.meters else None,
                "record": [list(move) for move in event.record.moves],
                "seconds": round(event.seconds, 3),
            }
        case Stopped():
            return {"type": "stopped", "step": event.step}
        case Failure():
            return {
                "type": "failure",
                "diagnostics": [each.as_json() for each in event.diagnostics],
            }


def meters(read: Meters) -> Frame:
    """Shares and cosines as a meter shows them, and the first sample's map in 256 levels.

    Of a result, the cosines step by step too.
    """
    return {
        "share": {node: round(float(share), 4) for node, share in read.share.items()},
        "cosine": [[a, b, round(float(value), 3)] for (a, b), value in read.cosine.items()],
        "course": [
            [a, b, [[round(noise, 4), round(value, 3)] for noise, value in points]]
            for (a, b), points in read.course.items()
        ],
        "map": _maps(read.map),
    }


def labels(plan: Plan) -> list[str]:
    """What tells the samples of a batch apart: the swept values, sample by sample."""
    sweeps = {
        sweep: None
        for operation in plan.operations
        for _, value in operation.settings
        for sweep in (value if isinstance(value, tuple) else (value,))
        if isinstance(sweep, Sweep)
    }
    rows = zip(*(_named(sweep) for sweep in sweeps), strict=False)
    return [" · ".join(row) for row in rows]


def _named(sweep: Sweep) -> list[str]:
    setting = sweep.axis.rpartition(".")[2].replace("_", " ")
    return [f"{setting} {value:g}" for value in sweep.values]


def _maps(places: Mapping[str, Any]) -> Frame | None:
    """Each expert's share of the first sample as h·w bytes, with h and w."""
    first = {node: place[0] for node, place in places.items() if place.ndim == 3}
    if not first:
        return None
    height, width = next(iter(first.values())).shape
    packed = {
        node: base64.b64encode((share * 255.0).round().clip(0, 255).astype("uint8").tobytes())
        for node, share in first.items()
    }
    return {**{node: raw.decode() for node, raw in packed.items()}, "h": height, "w": width}


def _jpeg(picture: Image) -> str:
    raw = io.BytesIO()
    picture.convert("RGB").save(raw, "JPEG", quality=PREVIEW_QUALITY)
    return _address("jpeg", raw.getvalue())


def _address(kind: str, raw: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(raw).decode()}"
