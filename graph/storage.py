"""Storage: workflow files, and pictures that carry their workflow and performance."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

from graph.assets import SHA256, unpack
from graph.errors import ChoraleError, Diagnostic
from graph.events import ControlValue, Performance
from graph.jsontext import parse_json, read_limited, refused
from graph.library import Library
from graph.pngtext import SIGNATURE, BadPngError, text_chunks
from graph.workflow import MAX_ASSETS, MAX_BYTES, Workflow, dump_workflow, read_workflow
from graph.writing import write_atomically

WORKFLOW, RECORD = "chorale", "chorale-record"
MAX_PICTURE_BYTES = 64 * 2**20
MAX_RECORD_BYTES = 4 * 2**20
MAX_MOVES = 100_000
ENTRY = 128
"""Bytes that a file takes in a document beside its content: its name and what holds it."""
LIBRARIES = ("torch", "diffusers", "transformers", "numpy", "pillow")


def write_picture(
    path: Path,
    image: Image.Image,
    workflow: Workflow,
    record: Performance | None = None,
    *,
    versions: Mapping[str, str] | None = None,
    seed: int | None = None,
    sample: int = 0,
) -> None:
    """Write a PNG that carries its workflow, its performance and what made it; all or nothing."""
    data = picture_bytes(image, workflow, record, versions=versions, seed=seed, sample=sample)
    write_atomically(path, data)


def picture_bytes(
    image: Image.Image,
    workflow: Workflow,
    record: Performance | None = None,
    *,
    versions: Mapping[str, str] | None = None,
    seed: int | None = None,
    sample: int = 0,
) -> bytes:
    """The picture as `write_picture` writes it: texts `chorale` and `chorale-record` (iTXt)."""
    made = {
        "performance": None if record is None else [list(move) for move in record.moves],
        "versions": dict(installed() if versions is None else versions),
        "seed": seed,
        "sample": sample,
    }
    text = PngImagePlugin.PngInfo()
    text.add_itxt(WORKFLOW, dump_workflow(workflow), zip=True)
    text.add_itxt(RECORD, json.dumps(made, ensure_ascii=False), zip=True)
    file = io.BytesIO()
    image.save(file, "PNG", pnginfo=text)
    return file.getvalue()


def installed() -> dict[str, str]:
    """The versions of the libraries that samples depend on, known without importing them."""
    found: dict[str, str] = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue  # a reader of workflows need not have what samples them
    return found


def write_workflow(path: Path, workflow: Workflow) -> None:
    """Write a workflow file; all or nothing."""
    write_atomically(path, dump_workflow(workflow).encode())


def read_any(path: Path) -> tuple[Workflow, Performance | None]:
    """A workflow file, or a picture that carries one with its performance.

    ChoraleError W001 to W011 for what cannot be opened.
    """
    return read_bytes(read_limited(path, MAX_PICTURE_BYTES))


def read_bytes(data: bytes) -> tuple[Workflow, Performance | None]:
    """As `read_any`, of a file's content."""
    if not data.startswith(SIGNATURE):
        if data[:3] == b"\xff\xd8\xff" or data[:4] in (b"RIFF", b"GIF8"):
            raise refused("W010", "Only PNG pictures carry workflows.", "Choose the PNG itself.")
        return read_workflow(data), None
    try:
        texts = text_chunks(data, frozenset({WORKFLOW, RECORD}), MAX_BYTES)
    except BadPngError as error:
        raise refused("W011", f"The picture cannot be read: {error}.", "Copy it again.") from None
    if WORKFLOW not in texts:
        raise refused(
            "W010",
            "The picture carries no workflow.",
            "Choose one made by Chorale; copies sent by chat programs lose it.",
        )
    workflow = read_workflow(texts[WORKFLOW])
    made = parse_json(texts.get(RECORD, "{}").encode(), MAX_RECORD_BYTES)
    moves = made.get("performance") if isinstance(made, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return workflow, None if moves is None else performance_of(moves)


def read_performance(path: Path) -> Performance:
    """A JSON file of [step, control, value] rows; ChoraleError W001 to W012."""
    return performance_of(parse_json(read_limited(path, MAX_RECORD_BYTES), MAX_RECORD_BYTES))


def performance_of(rows: Any) -> Performance:
    """A performance from its rows as JSON holds them; ChoraleError W012."""
    if not isinstance(rows, list) or len(rows) > MAX_MOVES or not all(map(_is_move, rows)):  # pyright: ignore[reportUnknownArgumentType]
        raise refused(
            "W012",
            f"A performance is a list of at most {MAX_MOVES} rows [step, control, value].",
            "Choose a picture or file made by a run.",
        )
    return Performance(tuple((step, name, _frozen(value)) for step, name, value in rows))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def with_played(workflow: Workflow, record: Performance, library: Library) -> Workflow:
    """The workflow with the stored pictures that its performance plays.

    Maps that were painted while it ran are no setting of it, and whoever opens it elsewhere needs
    them to play it again. The first ones are taken, as many as a document may hold.
    """
    played = dict.fromkeys(value for _, _, value in record.moves if isinstance(value, str))
    files = dict(workflow.assets)
    room = MAX_BYTES - len(dump_workflow(workflow).encode())
    for name in played:
        if name in files or name not in library.assets:
            continue
        text = base64.b64encode(library.assets.read(name)).decode()
        room -= len(text) + ENTRY
        if room < 0 or len(files) == MAX_ASSETS:
            break
        files[name] = text
    return workflow.model_copy(update={"assets": files})


def import_assets(workflow: Workflow, library: Library) -> None:
    """Keep the files that come with a workflow; ChoraleError A002 to A008 names all bad ones."""
    found: list[Diagnostic] = []
    for name, text in workflow.assets.items():
        try:
            if not SHA256.fullmatch(name) or not library.has(name):
                library.assets.put(unpack(name, text))
        except ChoraleError as error:
            found.extend(error.diagnostics)
    if found:
        raise ChoraleError(*found)


def _is_move(row: Any) -> bool:
    return (
        isinstance(row, list)
        and len(row) == 3  # pyright: ignore[reportUnknownArgumentType]
        and isinstance(row[0], int)
        and not isinstance(row[0], bool)
        and row[0] >= 0
        and isinstance(row[1], str)
        and isinstance(row[2], int | float | bool | str | list)
    )


def _frozen(value: Any) -> ControlValue:
    if isinstance(value, list):
        return tuple(tuple(point) if isinstance(point, list) else point for point in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return value
