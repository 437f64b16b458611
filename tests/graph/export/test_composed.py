"""Workflows put together at random, and what such have found."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph.library import Library
from tests.graph.documents import Nodes
from tests.graph.export.composed import library_of, tried
from tests.graph.export.exported import agree, planned

SEEDS = (1, 4, 10, 16, 36, 1009, 1019, 1030, 1031, 1039, 1346)
"""Of workflows that run; python -m tests.graph.export.composed tries more."""
ENDS = ("fuse.score > picture.score", "sampler.sampling > picture.sampling")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return library_of(tmp_path_factory.mktemp("library") / "models")


@pytest.mark.parametrize("seed", SEEDS)
def test_what_runs_is_exported_or_refused_by_name(
    library: Library, tmp_path: Path, seed: int
) -> None:
    said = tried(library, seed, tmp_path)
    if said.partition(":")[0] in ("invalid", "does not run"):
        pytest.skip(said)  # what there is has changed, and with it what the seed makes


def test_one_who_is_his_own_background_is_asked_while_he_is_silent(
    library: Library, tmp_path: Path
) -> None:
    nodes: Nodes = {
        "class": ("label", {"name": "sea by day"}),
        "one": ("class_expert", {"model": "class", "guidance": 2.0}),
        "two": ("class_expert", {"model": "class", "guidance": 2.0, "to_noise": 0.6}),
        "none": ("unconditional_expert", {"model": "none", "from_noise": 0.6}),
        "fuse": ("fuse", {}),
        "sampler": ("sampler", {"steps": 4}),
        "picture": ("picture", {}),
    }
    wires = ["class.class > one.class", "class.class > two.class", "one.score > fuse.scores"]
    wires += ["none.score > fuse.scores", "none.score > fuse.background", *ENDS]
    plan = planned(library, nodes, [*wires, "two.score > fuse.scores"])
    text = agree(library, tmp_path, plan)
    assert "ask_none(x, level, [no_none])\n" in text


def test_a_way_over_two_bridges_and_back(library: Library, tmp_path: Path) -> None:
    """The expert at home is asked there, and again at the far end."""
    nodes: Nodes = {
        "text": ("text", {"text": "a red boat"}),
        "words": ("text_expert", {"model": "words", "guidance": 2.0}),
        "grey": ("gaussian_expert", {"shape": [3, 16, 16]}),
        "out": ("bridge", {}),
        "back": ("bridge", {}),
        "fuse": ("fuse", {}),
        "sampler": ("sampler", {"steps": 3}),
        "picture": ("picture", {}),
    }
    wires = ["text.text > words.text", "grey.score > back.anchor", "words.score > back.score"]
    wires += ["words.score > out.anchor", "back.score > out.score", "out.score > fuse.scores"]
    agree(library, tmp_path, planned(library, nodes, [*wires, *ENDS]))


def test_where_a_sweep_lets_nobody_take_part_the_background_is_painted(
    library: Library, tmp_path: Path
) -> None:
    nodes: Nodes = {
        "class": ("label", {"name": "sea by day"}),
        "one": ("class_expert", {"model": "class"}),
        "amount": ("sweep", {"start": 0.0, "stop": 1.0, "count": 2}),
        "fuse": ("fuse", {"rule": {"name": "superdiff_and"}}),
        "sampler": ("sampler", {"steps": 3, "method": {"name": "euler_maruyama"}}),
        "picture": ("picture", {}),
    }
    wires = ["class.class > one.class", "amount.reliability > one.reliability"]
    agree(library, tmp_path, planned(library, nodes, [*wires, "one.score > fuse.scores", *ENDS]))
