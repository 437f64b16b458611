"""Pictures that carry their workflow: written whole, read within limits."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from graph.errors import ChoraleError
from graph.events import Performance
from graph.library import Library
from graph.storage import (
    import_assets,
    picture_bytes,
    read_any,
    read_bytes,
    read_performance,
    with_played,
    write_picture,
    write_workflow,
)
from graph.workflow import MAX_ASSETS, MAX_BYTES, dump_workflow, read_workflow
from tests.graph.documents import document
from tests.graph.flatten.nesting import wrapped

ROOT = Path(__file__).parents[2]
FIRST = ROOT / "assets" / "workflows" / "first-light.json"
MOVES: tuple[tuple[int, str, object], ...] = (
    (0, "text_expert.reliability", 1.0),
    (3, "text_expert.muted", True),
    (4, "curve.points", ((1.0, 0.5), (0.0, 1.0))),
    (5, "map.picture", "0" * 64),
)
PERFORMANCE = Performance(MOVES)  # pyright: ignore[reportArgumentType]


def picture() -> Image.Image:
    return Image.linear_gradient("L").convert("RGB").resize((32, 24))


def refusal(data: bytes) -> str:
    with pytest.raises(ChoraleError) as caught:
        read_bytes(data)
    return str(caught.value)


def test_subgraphs_stay_whole_in_files_and_pictures(tmp_path: Path) -> None:
    content = json.loads(FIRST.read_text())
    ids = [node["id"] for node in content["nodes"]]
    content = wrapped(wrapped(content, ids[:4], "a"), ["a", *ids[4:6]], "b")
    content["subgraphs"]["a"]["view"] = {"places": {"text": [1.5, 2]}, "notes": [{"text": "é"}]}
    content["nodes"][-1]["bypass"] = True
    workflow = read_workflow(json.dumps(content))
    write_workflow(tmp_path / "nested.json", workflow)
    write_picture(tmp_path / "nested.png", picture(), workflow, PERFORMANCE)
    for name in ("nested.json", "nested.png"):
        assert json.loads(dump_workflow(read_any(tmp_path / name)[0])) == content


def test_a_picture_is_accepted_wherever_a_workflow_is(tmp_path: Path) -> None:
    workflow = read_workflow(FIRST)
    path = tmp_path / "made.png"
    write_picture(path, picture(), workflow, PERFORMANCE, seed=7, sample=2)
    found, performance = read_any(path)
    assert dump_workflow(found) == dump_workflow(workflow)
    assert performance == PERFORMANCE
    with Image.open(path) as image:
        assert image.tobytes() == picture().tobytes()
        made = json.loads(image.info["chorale-record"])
    assert (made["seed"], made["sample"]) == (7, 2)
    assert {"torch", "diffusers"} <= set(made["versions"])


def test_a_workflow_file_has_no_performance(tmp_path: Path) -> None:
    write_workflow(tmp_path / "w.json", document())
    assert read_any(tmp_path / "w.json") == (document(), None)


def test_a_workflow_of_many_megabytes_comes_back() -> None:
    workflow = document(assets={"0" * 64: "A" * (4 * 2**20)})
    assert read_bytes(picture_bytes(picture(), workflow))[0].assets == workflow.assets


def test_a_text_that_unfolds_without_end_is_refused() -> None:
    packed = zlib.compress(b"[" * (MAX_BYTES + 10), 9)
    body = b"chorale\0\x01\0\0\0" + packed
    chunk = b"iTXt" + body
    bomb = struct.pack(">I", len(body)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    plain = picture_bytes(picture(), document())
    assert len(bomb) < MAX_BYTES / 100
    assert "longer than" in refusal(plain[:33] + bomb + plain[33:])


def test_pictures_without_a_workflow_say_so(tmp_path: Path) -> None:
    for form, code in (("PNG", "W010 The picture carries no workflow"), ("JPEG", "W010 Only PNG")):
        path = tmp_path / f"plain.{form}"
        picture().save(path, form)
        assert refusal(path.read_bytes()).startswith(code)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.99])
def test_a_picture_cut_short_is_refused(share: float) -> None:
    data = picture_bytes(picture(), read_workflow(FIRST))
    assert refusal(data[: int(len(data) * share)]).startswith("W011")


def test_a_damaged_text_is_refused() -> None:
    data = bytearray(picture_bytes(picture(), document()))
    data[data.index(b"iTXt") + 40] ^= 0xFF
    assert refusal(bytes(data)).startswith(
        "W011 The picture cannot be read: a text in it is damaged"
    )


def test_what_the_text_holds_is_checked_as_a_file_is(tmp_path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_itxt("chorale", '{"nodes": 3}')
    picture().save(tmp_path / "odd.png", pnginfo=text)
    assert refusal((tmp_path / "odd.png").read_bytes()).startswith("W002 'nodes' expected a list")


@pytest.mark.parametrize(
    "rows", ["{}", "[1]", '[["a", "b", 1]]', '[[0, "b"]]', "[[-1, 2, 3]]", '[[0, "b", null]]']
)
def test_performances_are_checked(rows: str, tmp_path: Path) -> None:
    (tmp_path / "moves.json").write_text(rows)
    with pytest.raises(ChoraleError, match="W012"):
        read_performance(tmp_path / "moves.json")


def test_a_performance_is_read_from_rows(tmp_path: Path) -> None:
    (tmp_path / "moves.json").write_text(json.dumps([list(move) for move in MOVES]))
    assert read_performance(tmp_path / "moves.json") == PERFORMANCE


def test_files_that_come_with_a_workflow_are_kept(tmp_path: Path) -> None:
    library = Library(tmp_path / "models", tmp_path / "assets")
    workflow = read_workflow(FIRST)
    import_assets(workflow, library)
    assert workflow.assets
    assert all(library.assets.get(name).size == (128, 128) for name in workflow.assets)


def test_a_workflow_takes_along_as_many_played_pictures_as_it_may_hold(tmp_path: Path) -> None:
    library = Library(tmp_path / "models", tmp_path / "assets")
    names: list[str] = []
    for red in range(3):
        file = io.BytesIO()
        Image.new("RGB", (8, 8), (red, 0, 0)).save(file, "PNG")
        names.append(library.assets.put(file.getvalue()))
    moves = [
        (0, "mask.picture", ""),
        *((1 + n, "mask.picture", name) for n, name in enumerate(names)),
    ]
    record = Performance((*moves, (9, "mask.picture", "0" * 64), (9, "a.reliability", 1.0)))
    taken = with_played(document(), record, library)
    assert list(taken.assets) == names
    import_assets(read_workflow(dump_workflow(taken)), Library(tmp_path / "m", tmp_path / "other"))
    full = document(assets={f"{n:064x}": "" for n in range(MAX_ASSETS - 2)})
    assert list(with_played(full, record, library).assets)[-2:] == names[:2]
    assert len(with_played(full, record, library).assets) == MAX_ASSETS


def test_every_bad_file_is_named_at_once(tmp_path: Path) -> None:
    library = Library(tmp_path / "models", tmp_path / "assets")
    good = dict(read_workflow(FIRST).assets)
    name = next(iter(good))
    bad = {**good, "1" * 64: "AAAA", "../up": "AAAA", "2" * 64: "no base64!"}
    with pytest.raises(ChoraleError) as caught:
        import_assets(document(assets=bad), library)
    assert [found.code for found in caught.value.diagnostics] == ["A002", "A002", "A008"]
    assert name in library.assets
    assert not (tmp_path / "up").exists()
