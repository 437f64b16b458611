"""Other sizes in exported files: across bridges, towards painted pictures, and in two tracks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from graph.library import Library
from tests.graph.adapters.making import picture
from tests.graph.classifiers import write_classifier
from tests.graph.documents import Nodes
from tests.graph.export.exported import agree
from tests.graph.test_sizes import OTHER, bridged, library, plan_of, size, stored, workflow

__all__ = ["library"]
STRIPES = Image.linear_gradient("L").resize((80, 40)).rotate(90).convert("RGB")


@pytest.mark.parametrize("model", ["foreign", "xl"])
def test_a_bridge(library: Library, tmp_path: Path, model: str) -> None:
    text = agree(library, tmp_path, plan_of(bridged(library, model, **size(*OTHER))))
    ends = (40, 56), (40, 56)
    assert f"bridge = Bridge(base_codec, {model}_codec, {ends!r}, " in text or model == "xl"


def test_a_bridge_in_a_panorama(library: Library, tmp_path: Path) -> None:
    agree(library, tmp_path, plan_of(bridged(library, "foreign", wide=2, **size(*OTHER))))


@pytest.mark.parametrize("wide", [1, 2])
@pytest.mark.parametrize(
    ("kind", "asks", "any_size"),
    [
        ("segformer", "mask", False),
        ("segformer", "mask", True),
        ("dpt", "depth", False),
    ],
)
def test_a_painted_target(
    library: Library, tmp_path: Path, kind: str, asks: str, any_size: bool, wide: int
) -> None:
    """A picture of other proportions than what is painted, and these than what is seen."""
    name = f"{kind}-any" if any_size else kind
    folder = library.folder / name
    if not folder.is_dir():
        write_classifier(folder, kind)
        if any_size:
            (folder / "preprocessor_config.json").unlink()
    nodes: Nodes = {
        "told": (asks, {"picture": stored(library, STRIPES)}),
        "guide": ("guidance", {"model": name, "method": {"name": "freedom"}, "scale": 1.0}),
        "last": ("picture", {}),
    }
    more = [f"told.{asks} > guide.{asks}", "fuse.score > guide.score", "guide.score > last.score"]
    plan = workflow(
        library, nodes, *more, "sampler.sampling > last.sampling", wide=wide, **size(*OTHER)
    )
    agree(library, tmp_path, plan_of(plan))


def test_two_tracks_of_two_sizes_are_shown_pictures_of_both(
    library: Library, tmp_path: Path
) -> None:
    nodes: Nodes = {
        "photo": ("photo", {"picture": stored(library, picture())}),
        "edit": ("edit_expert", {"model": "edit"}),
        "own": ("sampler", {"steps": 2, "seed": 4}),
        "small": ("picture", {}),
        "large": ("picture", {}),
    }
    wires = [
        "photo.photo > edit.photo",
        "text.text > edit.text",
        "edit.score > small.score",
        "edit.score > large.score",
        "own.sampling > small.sampling",
        "sampler.sampling > large.sampling",
    ]
    found: Any = workflow(library, nodes, *wires, **size(*OTHER))
    agree(library, tmp_path, plan_of(found))
