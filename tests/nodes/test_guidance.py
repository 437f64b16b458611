"""The guidance node: what it adds to the plan, and what it says of what does not fit."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

import graph.guidance
from graph.compile import compile_workflow
from graph.folders import network_hash
from graph.interfaces import GuidanceMethod
from graph.library import Library
from graph.plan import Asset, Choice, Condition, Control
from graph.registry import choices
from nodes import catalogue
from tests.graph.classifiers import teach, write_classifier
from tests.graph.documents import Nodes, changed, document
from tests.graph.fakes import playground
from tests.graph.modules import write_modulator
from tests.nodes.test_lowering import operations

NODES: Nodes = {
    "prior": ("unconditional_expert", {}),
    "scene": ("label", {"name": "sea at night"}),
    "guide": ("guidance", {}),
    "picture": ("picture", {}),
}
WIRES = ("prior.score > guide.score", "scene.class > guide.class", "guide.score > picture.score")


@pytest.fixture
def library(tmp_path: Path) -> Library:
    found = playground(tmp_path)
    write_classifier(found.folder / "playground" / "classifier")
    return found


def stored(library: Library, picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return library.assets.put(buffer.getvalue())


def said(library: Library, nodes: Nodes = NODES, wires: tuple[str, ...] = WIRES) -> list[str]:
    found = compile_workflow(document(nodes, wires), catalogue(), library).diagnostics
    return [f"{each.severity} {each}" for each in found]


def test_it_guides_the_score_towards_the_class_that_is_wired(library: Library) -> None:
    found = operations(document(NODES, WIRES), library)
    guide = found["guide.guide"]
    assert [ref.number for ref in guide.inputs] == [found["prior.denoise"].number]
    assert guide["model"] == "playground/classifier"
    assert guide["target"] == Condition("class", "sea at night")
    assert guide["weight"] == (Control("guide.reliability", "number", 1.0, 0.0, 2.0),)
    assert guide["muted"] == Control("guide.muted", "switch", False)
    assert guide["range"] == (1.0, 0.0)
    scale = guide["scale"]
    assert isinstance(scale, Control)
    assert (scale.name, scale.kind, scale.low, scale.high) == ("guide.scale", "number", -50, 50)
    assert [ref.number for ref in found["picture.fuse"].inputs] == [guide.number]
    assert said(library) == []


@pytest.mark.parametrize("name", choices(graph.guidance, GuidanceMethod))
def test_every_method_can_be_chosen(name: str, library: Library) -> None:
    nodes = changed(NODES, guide={"method": {"name": name}})
    method = operations(document(nodes, WIRES), library)["guide.guide"]["method"]
    assert isinstance(method, Choice)
    assert method.name == name


def test_a_guided_fusion_is_not_fused_again(library: Library) -> None:
    nodes = {**NODES, "fuse": ("fuse", {})}
    wires = ("prior.score > fuse.scores", "fuse.score > guide.score", *WIRES[1:])
    found = operations(document(nodes, wires), library)
    assert "picture.fuse" not in found
    assert found["picture.sample"].inputs[1].number == found["guide.guide"].number


def test_a_class_that_it_does_not_know_is_answered_with_those_it_knows(library: Library) -> None:
    (found,) = said(library, changed(NODES, scene={"name": "sea at nigth"}))
    assert found == (
        "error M021 'playground/classifier' of 'Guidance' has no class named 'sea at nigth' as "
        "'Class' asks. It has: sea at night, sea by day, meadow by day. "
        "Did you mean 'sea at night'?"
    )


def test_the_classes_of_a_large_model_are_not_all_named(library: Library) -> None:
    labels = [f"class {number}" for number in range(1000)]
    write_classifier(library.folder / "playground" / "classifier", labels=labels)
    (found,) = said(library)
    assert "class 19 and 980 more." in found


def test_a_state_that_is_no_picture_cannot_be_looked_at(library: Library) -> None:
    nodes: Nodes = {**NODES, "prior": ("gaussian_expert", {"shape": [4, 8, 8]})}
    (found,) = said(library, nodes)
    assert found == (
        "error M022 'Guidance' looks at pictures; the score of the space analytic (4×8×8) is none, "
        "expected 3 channels or an autoencoder. Wire an expert of pictures."
    )
    assert said(library, {**NODES, "prior": ("gaussian_expert", {})}) == []


def test_companions_are_not_taken_for_one_another(library: Library) -> None:
    write_modulator(library.folder / "playground" / "modulator-maps")
    wrong = changed(NODES, guide={"model": "playground/modulator-maps"})
    (found,) = said(library, wrong)
    assert found.startswith("error M020 'playground/modulator-maps' cannot guide")
    nodes: Nodes = {**NODES, "guide": ("modulator", {"model": "playground/classifier"})}
    (found,) = said(library, nodes, ("prior.score > guide.score", "guide.score > picture.score"))
    assert found.startswith("error M014 'playground/classifier' is no modulator: it is a ResNet")
    (found,) = said(library, changed(NODES, guide={"model": "playground/text"}))
    assert found.startswith("error M014")


def test_a_range_without_levels_and_a_missing_class_are_named(library: Library) -> None:
    backwards = changed(NODES, guide={"from_noise": 0.2, "to_noise": 0.3})
    assert "S012 'Guidance' starts at noise 0.2" in said(library, backwards)[0]
    (found,) = said(library, NODES, (WIRES[0], WIRES[2]))
    assert found == (
        "error M024 'Guidance' does not know what to see: 'playground/classifier' is asked for a "
        "class, and none is wired. Wire a class."
    )


def test_a_segmentation_model_is_asked_for_a_mask(library: Library) -> None:
    write_classifier(library.folder / "mine" / "segmenter", "segformer")
    painted = stored(library, Image.new("RGB", (32, 32)))
    nodes: Nodes = {
        **changed(NODES, guide={"model": "mine/segmenter"}),
        "drawn": ("mask", {"picture": painted}),
    }
    wires = (WIRES[0], "drawn.mask > guide.mask", WIRES[2])
    guide = operations(document(nodes, wires), library)["guide.guide"]
    assert guide["target"] == Condition("mask", Asset(painted))
    assert [each for each in said(library, nodes, wires) if not each.startswith("note A010")] == []
    told = said(library, nodes, (*WIRES,))
    assert told[0].startswith("error M024 'Guidance' does not know what to see")
    assert told[1] == (
        "warning M025 'Guidance' is given a class, which 'mine/segmenter' is not asked for. "
        "Take the wire away, or choose a model that is."
    )


def test_a_depth_estimator_is_asked_for_a_depth_map(library: Library) -> None:
    write_classifier(library.folder / "mine" / "depth", "dpt")
    ramp = stored(library, Image.linear_gradient("L"))
    grey = stored(library, Image.new("L", (40, 32), 90))
    nodes: Nodes = {
        **changed(NODES, guide={"model": "mine/depth"}),
        "near": ("depth", {"picture": ramp}),
    }
    wires = (WIRES[0], "near.depth > guide.depth", WIRES[2])
    guide = operations(document(nodes, wires), library)["guide.guide"]
    assert guide["target"] == Condition("depth", Asset(ramp))
    (note,) = said(library, nodes, wires)
    assert note.startswith("note A010 The picture of 'Depth' is fitted: its 256×256 pixels")
    told = said(library, changed(nodes, near={"picture": grey}), wires)
    (flat,) = (each for each in told if "A010" not in each)
    assert flat == (
        "warning M027 'Depth' is one grey throughout; only the differences of a depth map say "
        "anything to 'Guidance'. Paint what is nearer lighter."
    )
    told = said(library, nodes, (*WIRES,))
    assert told[0] == (
        "error M024 'Guidance' does not know what to see: 'mine/depth' is asked for a depth map, "
        "and none is wired. Wire a depth map."
    )
    assert told[1].startswith("warning M025 'Guidance' is given a class, which 'mine/depth'")
    assert said(library, changed(nodes, near={"picture": ""}), wires)[0].startswith("error A009")
    told = said(library, changed(nodes, near={"picture": "0" * 64}), wires)
    assert [each.split()[1] for each in told] == ["A001"]
    classifier = changed(nodes, guide={"model": "playground/classifier"})
    (other,) = said(library, classifier, (*WIRES, wires[1]))
    assert other.startswith("warning M025 'Guidance' is given a depth map, which 'playground/clas")


def test_what_a_guidance_expert_was_taught_is_held_against_what_it_is_shown(
    library: Library,
) -> None:
    folder = library.folder / "playground" / "classifier"
    state = changed(NODES, guide={"method": {"name": "state"}})
    (plain,) = said(library, state)
    assert plain == (
        "warning M031 By the method state 'Guidance' shows its model the noisy state; "
        "'playground/classifier' knows clean pictures. Choose another method."
    )
    model = library.model("playground/unconditional")
    mine = {"space_id": model.space.id, "base_hash": network_hash(model.folder)}
    teach(folder, **mine)
    assert said(library, state) == []
    (estimate,) = said(library)
    assert "M031 By the method dps" in estimate
    assert estimate.endswith("knows the noisy state. Choose the method state.")
    teach(folder, **(mine | {"sees": "estimate"}))
    assert said(library) == []
    teach(folder, **(mine | {"space_id": "elsewhere"}))
    (space,) = said(library, state)
    assert "M032" in space
    teach(folder, **(mine | {"base_hash": "f" * 16}))
    (base,) = said(library, state)
    assert "M033 'playground/unconditional' of 'Unconditional expert' has changed" in base
    assert "were ffffffffffffffff" in base
