"""Canvases: what a page is told of the sizes of pictures while their workflow is edited."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from graph.canvases import Canvas
from graph.compile import compile_workflow
from graph.library import Library
from nodes import catalogue
from tests.graph.documents import Nodes, document
from tests.graph.experts import folders
from tests.graph.fakes import playground, write_json

WIRES = (
    "text.text > text_expert.text",
    "text_expert.score > fuse.scores",
    "fuse.score > picture.score",
    "sampler.sampling > picture.sampling",
)


def told(
    library: Library, *more: str, beside: Nodes | None = None, **sampler: Any
) -> tuple[Canvas, ...]:
    """The canvases of a sentence, and of whatever stands beside it."""
    nodes: Nodes = {
        "text": ("text", {"text": "a red boat"}),
        "text_expert": ("text_expert", {"model": "playground/text"}),
        "fuse": ("fuse", {}),
        "sampler": ("sampler", sampler),
        "picture": ("picture", {}),
        **(beside or {}),
    }
    return compile_workflow(document(nodes, (*WIRES, *more)), catalogue(), library).canvases


def patched(tmp_path: Path) -> Library:
    """The Playground, whose text expert has patches of two places."""
    library = playground(tmp_path)
    config = tmp_path / "models" / "playground" / "text" / "transformer" / "config.json"
    write_json(config, {"sample_size": 16, "in_channels": 12, "patch_size": 2})
    return library


def test_a_canvas_says_what_its_experts_paint_and_what_comes_out(tmp_path: Path) -> None:
    library = patched(tmp_path)
    (own,) = told(library)
    assert own.nodes == ("text", "text_expert", "fuse", "sampler", "picture")
    assert (own.own, own.least, own.step, own.size) == ((128, 128), (32, 32), 16, (128, 128))
    (asked,) = told(library, width=192, wide=3)
    assert (asked.own, asked.size) == ((128, 128), (576, 128))


def test_what_is_refused_has_a_canvas_too(tmp_path: Path) -> None:
    library = patched(tmp_path)
    for sampler in ({"width": 8}, {"height": 129}):
        (canvas,) = told(library, **sampler)
        assert (canvas.own, canvas.least, canvas.step) == ((128, 128), (32, 32), 16)
    (unsaid,) = told(library, beside={"text": ("text", {"nonsense": 1})})
    assert unsaid.own == (128, 128)


def test_experts_of_other_sizes_meet_where_the_first_paints(tmp_path: Path) -> None:
    """Sides are those that every expert can paint, wherever it is wired."""
    models = tmp_path / "models"
    for name, places in (("playground/text", 8), ("large", 16)):
        folder = folders.stable_diffusion(models / name)
        config = folder / "unet" / "config.json"
        write_json(config, {**_read(config), "sample_size": places})
    library = Library(models, tmp_path / "assets")
    more: Nodes = {"other": ("text_expert", {"model": "large"})}
    (canvas,) = told(library, "text.text > other.text", "other.score > fuse.scores", beside=more)
    assert (canvas.own, canvas.least, canvas.step) == ((64, 64), (32, 32), 8)


def test_pictures_apart_have_canvases_apart_and_none_without_an_expert(tmp_path: Path) -> None:
    library = patched(tmp_path)
    more: Nodes = {"flat": ("gaussian_expert", {}), "second": ("picture", {})}
    first, second = told(library, "flat.score > second.score", beside=more, width=192)
    assert (first.size, second.nodes) == ((192, 128), ("flat", "second"))
    assert second.size == second.own == second.least
    empty: Nodes = {"picture": ("picture", {})}
    assert compile_workflow(document(empty, ()), catalogue(), library).canvases == ()


def test_a_configuration_that_cannot_be_read_takes_part_in_nothing(tmp_path: Path) -> None:
    library = playground(tmp_path)
    config = tmp_path / "models" / "playground" / "text" / "transformer" / "config.json"
    write_json(config, {"sample_size": 16, "in_channels": 12, "patch_size": "two"})
    (canvas,) = told(library)
    assert (canvas.own, canvas.least, canvas.step) == ((128, 128), (128, 128), 1)


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())
