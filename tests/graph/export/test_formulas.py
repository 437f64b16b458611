"""Formulas in exported files: points of the plane, densities, and sums without a background."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from graph import experts, fusion
from graph.errors import ChoraleError
from graph.events import Performance
from graph.export.parts import members
from graph.export.script import export
from graph.interfaces import FusionRule
from graph.library import Library
from graph.plane import REACH
from graph.plotting import GROUND, dots
from graph.registry import choices
from studio.piece import WORKFLOWS, load
from studio.piece import library as shipped
from tests.graph.documents import Nodes
from tests.graph.export.exported import agree, by_engine, opened, planned

LEFT = [{"x": -1.5, "y": 0.5, "wide": 0.3, "high": 0.9}, {"x": 1.0, "y": -1.0, "share": 2.0}]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Without any model."""
    return Library(tmp_path / "models", tmp_path / "assets")


def plane(**changes: Any) -> tuple[Nodes, list[str]]:
    """Two experts of the plane over a wide heap."""
    settings: dict[str, tuple[str, dict[str, Any]]] = {
        "left": ("plane_expert", {"heaps": LEFT}),
        "low": ("plane_expert", {"heaps": [{"y": -1.5, "wide": 1.5, "high": 0.4}]}),
        "wide": ("plane_expert", {"heaps": [{"wide": 1.6, "high": 1.6}]}),
        "fuse": ("fuse", {}),
        "sampler": ("sampler", {"steps": 6, "count": 2, "method": {"name": "euler"}}),
        "picture": ("picture", {}),
    }
    nodes: Nodes = {
        name: (kind, {**own, **changes.get(name, {})}) for name, (kind, own) in settings.items()
    }
    wires = [
        "left.score > fuse.scores",
        "low.score > fuse.scores",
        "wide.score > fuse.background",
        "fuse.score > picture.score",
        "sampler.sampling > picture.sampling",
    ]
    return nodes, wires


def test_every_formula_is_exported() -> None:
    folder = Path(experts.__file__).parent
    assert set(members("formulas")) == {"gaussian", "mixture"}
    assert all((folder / f"{name}.py").is_file() for name in members("formulas"))


def test_the_plane_of_the_examples(tmp_path: Path) -> None:
    piece = load(WORKFLOWS / "plane.json").with_setting("sampler.steps", 5)
    text = agree(shipped(), tmp_path, piece.plan())
    assert "shares=(0.5, 0.5)" in text
    assert "variances=((2.4964, 0.0784), (2.4964, 0.0784))" in text
    assert "height = ask_height(x, level)\n" in text
    assert "plotted(sample(), 1000)" in text
    assert not any(word in text for word in ("MODELS", "PRECISION", "diffusers", "shape=(2,)"))


@pytest.mark.parametrize("rule", ["product", "perp_neg", "superdiff_or", "conflict_averse"])
def test_points_by_a_rule(library: Library, tmp_path: Path, rule: str) -> None:
    sampler = {"method": {"name": "euler_maruyama"}, "count": 1, "steps": 3}
    nodes, wires = plane(fuse={"rule": {"name": rule}}, sampler=sampler)
    agree(library, tmp_path, planned(library, nodes, wires))


def test_a_sweep_is_of_all_points_of_a_sample(library: Library, tmp_path: Path) -> None:
    nodes, wires = plane(sampler={"count": 1}, left={"to_noise": 0.3})
    nodes["amount"] = ("sweep", {"start": 0.0, "stop": 1.5, "count": 3})
    wires.append("amount.reliability > low.reliability")
    text = agree(library, tmp_path, planned(library, nodes, wires))
    assert "amount = by_point(1000, 0.0, 0.75, 1.5)" in text
    assert "left = ask_left(x, level) if left_weight else x" in text


def test_points_are_drawn_where_they_are(library: Library, tmp_path: Path) -> None:
    nodes, wires = plane()
    plan = planned(library, nodes, wires)
    found = opened(export(plan, library, title="Points"), tmp_path)
    states = by_engine(plan, library)[0]
    first, second = found["plotted"](states, 1000)
    ground = Image.new("RGB", first.size, GROUND)
    for picture, points in ((first, states[:1000]), (second, states[1000:])):
        expected = dots(ground, points, REACH, first.width / 320)
        assert np.array_equal(np.asarray(picture), np.asarray(expected))


@pytest.mark.parametrize("corrector", ["mala", "ula", "fkc"])
def test_correctors_of_formulas(library: Library, tmp_path: Path, corrector: str) -> None:
    method = {"method": {"name": "euler_maruyama"}, "corrector": {"name": corrector}}
    nodes, wires = plane(sampler={**method, "steps": 4}, left={"from_noise": 0.7})
    plan = planned(library, nodes, wires)
    moves = Performance(((2, "low.guidance", 0.6),))
    text = agree(library, tmp_path, plan, moves)
    if corrector == "mala":
        assert "mala(denoise, x, levels[step + 1], 4 + step, draw_again, seen, rounds=2" in text
        assert "seen.update(log_density=composed(densities))" in text


def gaussians(*weights: float) -> tuple[Nodes, list[str]]:
    """Two Gaussians of colours without a background."""
    nodes: Nodes = {
        "dark": ("gaussian_expert", {"mean": -0.8, "guidance": weights[0], "shape": [3, 4, 4]}),
        "pale": ("gaussian_expert", {"mean": 0.6, "guidance": weights[1], "shape": [3, 4, 4]}),
        "fuse": ("fuse", {"rule": {"name": "perp_neg"}}),
        "sampler": ("sampler", {"steps": 4, "count": 2, "method": {"name": "ddim", "eta": 1.0}}),
        "picture": ("picture", {}),
    }
    wires = ["dark.score > fuse.scores", "pale.score > fuse.scores"]
    return nodes, [*wires, "fuse.score > picture.score", "sampler.sampling > picture.sampling"]


def test_a_sum_of_one_needs_no_background(library: Library, tmp_path: Path) -> None:
    nodes, wires = gaussians(1.5, -0.5)
    text = agree(library, tmp_path / "two", planned(library, nodes, wires))
    assert "background = mean_of([dark, pale], [1.0, 1.0])" in text
    assert "pictures(sample())" in text
    alone = ["dark.score > picture.score", wires[-1]]
    nodes["dark"][1]["guidance"] = 1.0
    some = {name: nodes[name] for name in ("dark", "sampler", "picture")}
    agree(library, tmp_path / "one", planned(library, some, alone))


MOVED = ((0, "dark.guidance", 1.5), (2, "pale.guidance", 0.25))
BUILT = ("product", "perp_neg", "switch", "conflict_averse")


@pytest.mark.parametrize("rule", sorted(choices(fusion, FusionRule)))
def test_another_sum_without_a_background(library: Library, tmp_path: Path, rule: str) -> None:
    """Rules that build on one take the plain sum of scores; to the others it is no matter."""
    settings = {"guidance": 6.0} if rule == "superdiff_or" else {}
    nodes, wires = gaussians(*((1.0, 1.0) if rule == "switch" else (0.4, 0.6)))
    nodes["fuse"][1]["rule"] = {"name": rule, **settings}
    moved = Performance(MOVED)
    text = agree(library, tmp_path, planned(library, nodes, wires), moved)
    assert ("fuse_lack + " in text) == (rule in BUILT)


@pytest.mark.parametrize(
    ("kind", "settings"), [("sweep", {"start": 1.0, "stop": 2.0, "count": 2}), ("map", {})]
)
def test_a_sum_that_is_another_in_every_sample_or_place(
    library: Library, tmp_path: Path, kind: str, settings: dict[str, Any]
) -> None:
    """The numbers sum to one, but times a sweep or a map they do not everywhere."""
    nodes, wires = gaussians(1.5, -0.5)
    nodes["sampler"][1]["count"] = 1
    if kind == "map":
        picture = io.BytesIO()
        Image.linear_gradient("L").save(picture, "PNG")
        settings = {"picture": library.assets.put(picture.getvalue()), "white": 1.0}
    nodes["amount"] = (kind, settings)
    plan = planned(library, nodes, [*wires, "amount.reliability > pale.reliability"])
    agree(library, tmp_path, plan)


def test_a_sum_at_pure_noise_has_to_be_one(library: Library, tmp_path: Path) -> None:
    nodes, wires = gaussians(1.5, -0.5)
    nodes["sampler"][1]["schedule"] = {"name": "flow"}
    plan = planned(library, nodes, wires)
    later = Performance(((1, "pale.guidance", -0.9),))
    assert "fuse_lack" in agree(library, tmp_path, plan, later)
    moved = Performance(((0, "pale.guidance", 0.5),))
    said = r"W024 .*do not sum to one without a background at pure noise \('fuse'\)"
    with pytest.raises(ChoraleError, match=said):
        export(plan, library, title="Sum", performance=moved)
    with pytest.raises(ChoraleError, match="F005"):
        by_engine(plan, library, moved)


@pytest.mark.parametrize("corrector", ["fkc", "mala", "ula"])
def test_correctors_of_another_sum(library: Library, tmp_path: Path, corrector: str) -> None:
    nodes, wires = gaussians(0.4, 0.6)
    nodes["fuse"][1]["rule"] = {"name": "product"}
    nodes["sampler"][1]["corrector"] = {"name": corrector}
    nodes["sampler"][1]["method"] = {"name": "euler_maruyama"}
    text = agree(library, tmp_path, planned(library, nodes, wires), Performance(MOVED))
    assert ("def composed(values: list, x: float | Tensor = 0.0)" in text) == (corrector != "ula")


def test_a_sum_within_another_and_beyond_it(library: Library, tmp_path: Path) -> None:
    """The plain sum is what the outer fusion measures against."""
    nodes, wires = gaussians(1.5, -0.5)
    nodes["outer"] = ("fuse", {"rule": {"name": "product"}})
    nodes["third"] = ("gaussian_expert", {"mean": 0.1, "guidance": 2.0, "shape": [3, 4, 4]})
    wires = [each for each in wires if each != "fuse.score > picture.score"]
    wires += ["fuse.score > outer.scores", "third.score > outer.scores"]
    wires += ["outer.score > picture.score"]
    plan = planned(library, nodes, wires)
    agree(library, tmp_path, plan, Performance(MOVED))
    silent = Performance(((1, "dark.muted", True), (1, "pale.muted", True)))
    with pytest.raises(ChoraleError, match=r"a formula whose background falls silent \('outer'\)"):
        export(plan, library, title="Silent", performance=silent)


def test_states_of_other_channels_are_shown_grey(library: Library, tmp_path: Path) -> None:
    nodes, wires = gaussians(0.5, 0.5)
    for name in ("dark", "pale"):
        nodes[name][1]["shape"] = [2, 4, 4]
    found = opened(export(planned(library, nodes, wires), library, title="Grey"), tmp_path)
    (picture,) = found["pictures"](torch.tensor([[[[1.0]], [[-1.0]]]]))
    assert picture.getpixel((0, 0)) == (255, 255, 255)
