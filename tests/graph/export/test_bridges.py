"""Bridges in exported files: as the engine brings home what a condition changes abroad."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from graph.events import Performance
from graph.library import Library
from graph.plan import Plan
from tests.graph.adapters.workflows import stored
from tests.graph.documents import Nodes
from tests.graph.export.exported import agree, planned
from tests.graph.test_bridged_runs import SCENES, library, plan_of

__all__ = ["library"]


def test_a_bridge(library: Library, tmp_path: Path) -> None:
    text = agree(library, tmp_path, plan_of(library))
    assert "        abroad = bridge.away(home, level, bridge_memory)\n" in text
    assert "bridge.back(class_null, foreign, foreign_null, level, bridge_memory)" in text
    assert "        if " not in text[text.index("def denoise(") :]


def test_an_expert_that_knows_no_condition_and_states_of_pixels(
    library: Library, tmp_path: Path
) -> None:
    wires = ("foreign.score > bridge.score", "pixels.score > bridge.score")
    text = agree(library, tmp_path, plan_of(library, wires[0], more=wires[1:]))
    assert "pixels_codec = Pixels()" in text
    assert "bridge.back(class_null, pixels_null, None, level, bridge_memory)" in text


def test_one_that_knows_no_condition_is_guided_for_a_while(
    library: Library, tmp_path: Path
) -> None:
    """From then on it is held against the picture that it was shown."""
    nodes: Nodes = {
        "scene": ("label", {"name": SCENES[0]}),
        "home": ("class_expert", {}),
        "pixels": ("unconditional_expert", {"model": "playground/pixels", "guidance": 2.0}),
        "guide": ("guidance", {"method": {"name": "estimate"}, "to_noise": 0.6}),
        "bridge": ("bridge", {}),
        "fuse": ("fuse", {}),
        "sampler": ("sampler", {"steps": 4}),
        "picture": ("picture", {}),
    }
    wires = (
        "scene.class > home.class",
        "scene.class > guide.class",
        "pixels.score > guide.score",
        "home.score > bridge.anchor",
        "guide.score > bridge.score",
        "home.score > fuse.scores",
        "bridge.score > fuse.scores",
        "fuse.score > picture.score",
        "sampler.sampling > picture.sampling",
    )
    text = agree(library, tmp_path, planned(library, nodes, wires))
    assert "pixels_null if guide_weight else None," in text


def test_home_may_be_pixels(library: Library, tmp_path: Path) -> None:
    drop = "home.score > bridge.anchor", "home.score > fuse.scores"
    more = "pixels.score > bridge.anchor", "pixels.score > fuse.scores"
    agree(library, tmp_path, plan_of(library, *drop, more=more))


def test_a_silent_one_asks_nobody_abroad(library: Library, tmp_path: Path) -> None:
    muted = Performance(((0, "foreign.muted", True),))
    text = agree(library, tmp_path / "never", plan_of(library), muted)
    assert "bridge" not in text
    later = Performance(((1, "foreign.muted", True), (2, "foreign.muted", False)))
    text = agree(library, tmp_path / "later", plan_of(library), later)
    assert "        foreign_at_home = class_null\n        if foreign_weight:\n" in text
    assert "            foreign, foreign_null = ask_foreign(abroad, level, [" in text
    assert "        bridge_memory.clear()\n" in text


def test_a_map_lies_over_the_canvas_at_home(library: Library, tmp_path: Path) -> None:
    grey = stored(library, Image.linear_gradient("L").resize((20, 10)))
    plan = plan_of(library, map=grey, more=("half.reliability > foreign.reliability",))
    agree(library, tmp_path, plan)


def fused(library: Library, rule: str, method: str) -> Plan:
    """Two experts of each space: those abroad are fused with a map, in another form of guidance."""
    grey = stored(library, Image.linear_gradient("L"))
    nodes: Nodes = {
        "scene": ("label", {"name": SCENES[0]}),
        "other": ("label", {"name": SCENES[1]}),
        "one": ("class_expert", {"guidance": 2.0}),
        "two": ("class_expert", {"guidance": 1.5, "to_noise": 0.6}),
        "anchor": ("fuse", {"rule": {"name": "mean"}}),
        "left": ("class_expert", {"model": "playground/foreign", "guidance": 2.5}),
        "right": ("class_expert", {"model": "playground/foreign", "from_noise": 0.6}),
        "abroad": ("fuse", {"rule": {"name": rule}}),
        "rescaled": ("guidance_form", {"form": {"name": "rescale"}, "reliability": 0.7}),
        "where": ("map", {"picture": grey}),
        "bridge": ("bridge", {}),
        "fuse": ("fuse", {}),
        "sampler": ("sampler", {"steps": 4, "count": 2, "method": {"name": method}}),
        "picture": ("picture", {}),
    }
    wires = (
        "scene.class > one.class",
        "other.class > two.class",
        "other.class > left.class",
        "scene.class > right.class",
        "one.score > anchor.scores",
        "two.score > anchor.scores",
        "left.score > abroad.scores",
        "right.score > abroad.scores",
        "where.reliability > left.reliability",
        "abroad.score > rescaled.score",
        "anchor.score > bridge.anchor",
        "rescaled.score > bridge.score",
        "two.score > fuse.scores",
        "bridge.score > fuse.scores",
        "fuse.score > picture.score",
        "sampler.sampling > picture.sampling",
    )
    return planned(library, nodes, wires)


@pytest.mark.parametrize(("rule", "method"), [("product", "euler"), ("perp_neg", "heun")])
def test_fusions_at_both_ends(library: Library, tmp_path: Path, rule: str, method: str) -> None:
    text = agree(library, tmp_path, fused(library, rule, method))
    assert "rescaled_formed = rescale(abroad, level, abroad_2, abroad_2_plain)" in text


def test_every_window_of_a_panorama_has_a_bridge(library: Library, tmp_path: Path) -> None:
    grey = stored(library, Image.linear_gradient("L").rotate(90))
    more = ("half.reliability > foreign.reliability",)
    plan = plan_of(library, map=grey, more=more, wide=3)
    moves = Performance(((1, "foreign.muted", True), (2, "foreign.muted", False)))
    text = agree(library, tmp_path, plan, moves)
    assert "bridge = [Bridge(" in text
    assert "abroad = bridge[window].away(home, level, bridge_memory[window])" in text


def test_a_background_from_abroad_is_weighed(library: Library, tmp_path: Path) -> None:
    more = ("bridge.score > fuse.background",)
    plan = plan_of(library, "bridge.score > fuse.scores", more=more)
    agree(library, tmp_path / "heard", plan)
    moves = ((1, "foreign.muted", True), (2, "foreign.muted", False), (2, "home.solo", True))
    text = agree(library, tmp_path / "moved", plan, Performance(moves))
    assert "if foreign_weight:" in text


def beside_formula(library: Library, *wires: str, side: int = 16) -> Plan:
    """A class expert of 32 pixels and formulas of colours, of which each wire makes use."""
    formula = {"shape": [3, side, side], "variance": 0.1}
    nodes: Nodes = {
        "scene": ("label", {"name": SCENES[0]}),
        "class": ("class_expert", {"guidance": 2.0}),
        "dark": ("gaussian_expert", {**formula, "mean": -0.6, "guidance": 0.25}),
        "pale": ("gaussian_expert", {**formula, "mean": 0.5, "guidance": 0.75}),
        "both": ("fuse", {}),
        "guide": ("guidance", {"method": {"name": "freedom"}, "scale": 1.0}),
        "bridge": ("bridge", {}),
        "fuse": ("fuse", {}),
        "sampler": ("sampler", {"steps": 3, "count": 2}),
        "picture": ("picture", {}),
    }
    always = ("scene.class > class.class", "bridge.score > fuse.scores")
    more = ("fuse.score > picture.score", "sampler.sampling > picture.sampling")
    return planned(library, nodes, [*always, *wires, *more])


@pytest.mark.parametrize("side", [32, 16])
def test_a_formula_beyond_a_bridge(library: Library, tmp_path: Path, side: int) -> None:
    home = ("class.score > bridge.anchor", "class.score > fuse.scores")
    plan = beside_formula(library, "dark.score > bridge.score", *home, side=side)
    text = agree(library, tmp_path, plan)
    assert "formula_codec = Pixels()" in text
    assert "bridge.back(class_null, dark, None, level, bridge_memory)" in text


def test_formulas_that_are_fused_and_guided_beyond_a_bridge(
    library: Library, tmp_path: Path
) -> None:
    both = ("dark.score > both.scores", "pale.score > both.scores", "both.score > guide.score")
    more = ("scene.class > guide.class", "guide.score > bridge.score")
    home = ("class.score > bridge.anchor", "class.score > fuse.scores")
    agree(library, tmp_path, beside_formula(library, *both, *more, *home))


@pytest.mark.parametrize("side", [32, 16])
def test_home_may_be_a_formula(library: Library, tmp_path: Path, side: int) -> None:
    """It is its own background, and what comes home is added to it."""
    wires = ("dark.score > bridge.anchor", "class.score > bridge.score")
    text = agree(library, tmp_path, beside_formula(library, *wires, side=side))
    assert "bridge.back(dark, class_2, class_null, level, bridge_memory)" in text


@pytest.mark.parametrize("wide", [1, 2])
def test_guidance_that_draws_at_both_ends_of_a_bridge(
    library: Library, tmp_path: Path, wide: int
) -> None:
    """In a panorama every window has draws of its own abroad, and at home its part of the whole.

    An anchor is asked as long as anything comes over, and who is asked nothing draws nothing.
    """
    method = {"method": {"name": "tfg"}, "model": "playground/classifier", "scale": 1.0}
    nodes: Nodes = {
        "scene": ("label", {"name": SCENES[0]}),
        "home": ("class_expert", {}),
        "foreign": ("class_expert", {"model": "playground/foreign", "to_noise": 0.3}),
        "near": ("guidance", method),
        "far": ("guidance", method),
        "bridge": ("bridge", {}),
        "fuse": ("fuse", {}),
        "sampler": ("sampler", {"wide": wide, "steps": 4}),
        "picture": ("picture", {}),
    }
    wires = [f"scene.class > {each}.class" for each in ("home", "foreign", "near", "far")]
    wires += ["home.score > near.score", "near.score > bridge.anchor", "home.score > fuse.scores"]
    wires += ["foreign.score > far.score", "far.score > bridge.score"]
    wires += ["bridge.score > fuse.scores", "fuse.score > picture.score"]
    plan = planned(library, nodes, [*wires, "sampler.sampling > picture.sampling"])
    moves = Performance(
        ((1, "home.muted", True), (2, "foreign.muted", True), (3, "home.muted", False))
    )
    agree(library, tmp_path / "stays", plan)
    agree(library, tmp_path / "moves", plan, moves)
