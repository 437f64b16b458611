"""An exported file starts from a picture where its workflow does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from graph import schedules
from graph.errors import ChoraleError
from graph.export.script import export
from graph.interfaces import NoiseSchedule
from graph.library import Library
from graph.registry import choices
from tests.graph.documents import Nodes
from tests.graph.experts import folders
from tests.graph.export.exported import agree, planned
from tests.graph.export.test_parity import FAMILIES, WIRES, painted, pair, stored

START = "photo.photo > sampler.start"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """A sentence and a class in one latent space."""
    root = tmp_path_factory.mktemp("library")
    folders.pixart(root / "models" / "tiny" / "text")
    folders.dit(root / "models" / "tiny" / "class")
    return Library(root / "models", root / "assets")


def started(library: Library, nodes: Nodes) -> Nodes:
    """The nodes with a photograph to start from."""
    return {**nodes, "photo": ("photo", {"picture": stored(library, painted())})}


@pytest.mark.parametrize("name", sorted(choices(schedules, NoiseSchedule)))
def test_every_schedule_begins_later(library: Library, tmp_path: Path, name: str) -> None:
    told = {"schedule": {"name": name}, "strength": 0.7}
    plan = planned(library, started(library, pair(sampler=told)), (*WIRES, START))
    text = agree(library, tmp_path, plan)
    assert "x = levels[0][0] * start + levels[0][1] * noise()" in text
    assert ("range(3)" if name != "flow" else "range(4)") in text


@pytest.mark.parametrize(
    "told",
    [
        {"wide": 3, "count": 1},
        {"corrector": {"name": "ula", "rounds": 1}},
        {"method": {"name": "heun"}},
        {"schedule": {"name": "discrete", "spacing": "distilled"}},
    ],
    ids=["panorama", "corrected", "heun", "distilled"],
)
def test_whatever_else_there_is(library: Library, tmp_path: Path, told: dict[str, Any]) -> None:
    nodes = {
        **started(library, pair(sampler={"strength": 0.5, **told}, words={"to_noise": 0.3})),
        "rise": ("curve", {"points": [[1.0, 0.2], [0.5, 1.5], [0.0, 1.0]]}),
    }
    wires = (*WIRES, START, "rise.reliability > words.reliability")
    agree(library, tmp_path, planned(library, nodes, wires))


def test_tracks_start_from_pictures_of_their_own(library: Library, tmp_path: Path) -> None:
    nodes = {
        **started(library, pair(sampler={"strength": 0.4})),
        "later": ("sampler", {"steps": 6, "strength": 0.9}),
        "second": ("picture", {}),
    }
    wires = (
        *WIRES,
        START,
        "photo.photo > later.start",
        "fuse.score > second.score",
        "later.sampling > second.sampling",
    )
    text = agree(library, tmp_path, planned(library, nodes, wires))
    assert "exported-start.png" in text
    assert "exported-start-2.png" in text


@pytest.mark.parametrize("name", ["stable_diffusion_3", "sana", "pixels"])
def test_what_encodes_the_picture(tmp_path: Path, name: str) -> None:
    library = Library(tmp_path / "models", tmp_path / "assets")
    make = folders.pixels if name == "pixels" else FAMILIES[name]
    make(tmp_path / "models" / "own")
    kind = "unconditional_expert" if name == "pixels" else "text_expert"
    nodes = started(
        library,
        {
            "text": ("text", {"text": "a red Boat"}),
            "words": (kind, {"model": "own"}),
            "fuse": ("fuse", {}),
            "sampler": ("sampler", {"steps": 4, "method": {"name": "euler"}}),
            "picture": ("picture", {}),
        },
    )
    wires = (*WIRES[2:3], *WIRES[4:], START)
    told = wires if name == "pixels" else (WIRES[0], *wires)
    agree(library, tmp_path / "out", planned(library, nodes, told))


def test_a_formula_of_colours(library: Library, tmp_path: Path) -> None:
    nodes = started(
        library,
        {
            "one": ("gaussian_expert", {"mean": 0.3}),
            "sampler": ("sampler", {"steps": 4}),
            "picture": ("picture", {}),
        },
    )
    wires = ("one.score > picture.score", "sampler.sampling > picture.sampling", START)
    agree(library, tmp_path, planned(library, nodes, wires))


@pytest.mark.parametrize(
    "told",
    [{"schedule": {"name": "karras"}}, {"wide": 2}, {"corrector": {"name": "ula", "rounds": 1}}],
    ids=["plain", "panorama", "corrected"],
)
def test_a_region_is_painted_anew(library: Library, tmp_path: Path, told: dict[str, Any]) -> None:
    half = Image.new("L", (64, 64))
    half.paste(255, (30, 0, 64, 64))
    nodes = {
        **started(library, pair(sampler={"strength": 0.7, **told})),
        "place": ("region", {"picture": stored(library, half)}),
    }
    wires = (*WIRES, START, "place.region > sampler.where")
    text = agree(library, tmp_path, planned(library, nodes, wires))
    assert "return torch.where(where, denoise_anew(x, level, step), start)" in text


def test_particles_within_a_region_are_refused(library: Library) -> None:
    told = {"corrector": {"name": "fkc"}, "count": 16, "method": {"name": "euler_maruyama"}}
    nodes = {
        **started(library, pair(sampler=told)),
        "place": ("region", {"picture": stored(library, painted())}),
    }
    plan = planned(library, nodes, (*WIRES, START, "place.region > sampler.where"))
    with pytest.raises(ChoraleError, match=r"W024 .*the corrector fkc beside a region"):
        export(plan, library, title="Particles")
