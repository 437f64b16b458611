"""The modulator node: what it adds to the plan, and what it says of what does not fit."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from graph.compile import Compiler, compile_workflow
from graph.folders import network_hash
from graph.library import Library
from graph.plan import Asset, Condition, Control
from nodes import catalogue
from tests.graph.documents import Nodes, changed, document
from tests.graph.fakes import WEIGHTS, playground, write_model, write_network
from tests.graph.modules import write_trained
from tests.nodes.test_lowering import PICTURE, operations, stocked

NODES: Nodes = {
    "prior": ("unconditional_expert", {}),
    "mask": ("mask", {"picture": PICTURE}),
    "sketch": ("sketch", {"picture": PICTURE}),
    "bend": ("modulator", {}),
    "picture": ("picture", {}),
}
WIRES = (
    "prior.score > bend.score",
    "mask.mask > bend.mask",
    "sketch.sketch > bend.sketch",
    "bend.score > picture.score",
)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    found = playground(tmp_path)
    other = found.folder / "playground" / "sketch" / "transformer"
    write_network(other, WEIGHTS, 5, {"sample_size": 16, "in_channels": 12})
    write_trained(found)
    return stocked(found)


def said(library: Library, nodes: Nodes = NODES, wires: tuple[str, ...] = WIRES) -> list[str]:
    found = compile_workflow(document(nodes, wires), catalogue(), library).diagnostics
    return [f"{each.severity} {each}" for each in found if each.code != "A001"]


def test_it_rewrites_the_score_by_the_maps_that_are_wired(library: Library) -> None:
    found = operations(document(NODES, WIRES), library)
    bend = found["bend.modulate"]
    assert [ref.number for ref in bend.inputs] == [found["prior.denoise"].number]
    assert bend["model"] == "playground/modulator-maps"
    assert bend["maps"] == (
        Condition("mask", Asset(PICTURE)),
        Condition("sketch", Asset(PICTURE)),
    )
    assert bend["weight"] == (Control("bend.reliability", "number", 1.0, 0.0, 2.0),)
    assert bend["muted"] == Control("bend.muted", "switch", False)
    assert bend["range"] == (1.0, 0.0)
    fuse = found["picture.fuse"]
    assert [ref.number for ref in fuse.inputs] == [bend.number]
    assert said(library) == []


@pytest.mark.parametrize(
    ("file", "changes", "code"),
    [
        ("config.json", {"_class_name": "UNet3DConditionModel"}, "M006"),
        ("card.json", {"kind": "modulator"}, "M035"),
    ],
)
def test_what_cannot_be_loaded_is_said_while_wiring(
    library: Library, file: str, changes: dict[str, str], code: str
) -> None:
    (library.folder / "playground/modulator-maps" / file).write_text(json.dumps(changes))
    (found,) = said(library)
    assert found.startswith(f"error {code} 'playground/modulator-maps'")


def test_a_modulated_fusion_is_not_fused_again(library: Library) -> None:
    nodes = {**NODES, "fuse": ("fuse", {})}
    wires = ("prior.score > fuse.scores", "fuse.score > bend.score", *WIRES[1:])
    found = operations(document(nodes, wires), library)
    assert "picture.fuse" not in found
    assert found["picture.sample"].inputs[1].number == found["bend.modulate"].number


def test_reliabilities_and_ranges_are_those_of_experts(library: Library) -> None:
    write_trained(library, level_range=[0.1, 0.8])
    nodes = {
        **changed(NODES, bend={"from_noise": 0.9, "to_noise": 0.3}),
        "curve": ("curve", {}),
    }
    found = operations(document(nodes, (*WIRES, "curve.reliability > bend.reliability")), library)
    weight: Any = found["bend.modulate"]["weight"]
    assert list(map(str, weight)) == ["@bend.reliability", "@curve.points"]
    assert found["bend.modulate"]["range"] == (0.8, 0.3)
    backwards = changed(NODES, bend={"from_noise": 0.2, "to_noise": 0.3})
    assert "S012 'Modulator' starts at noise 0.2" in said(library, backwards)[0]


def test_a_base_that_it_was_not_trained_on_is_named_with_its_own(library: Library) -> None:
    nodes: Nodes = {**NODES, "prior": ("sketch_expert", {})}
    wires = (*WIRES, "sketch.sketch > prior.sketch")
    (found,) = said(library, nodes, wires)
    assert found == (
        "warning M016 'Modulator' bends 'playground/sketch' of 'Sketch expert'; "
        "'playground/modulator-maps' was trained on 'playground/unconditional'. "
        "Wire playground/unconditional, or trust your eyes."
    )


def test_a_copy_of_the_base_is_the_base(library: Library) -> None:
    write_trained(library, base_hash=network_hash(library.folder / "playground/unconditional"))
    write_model(library.folder / "copy", "none")
    assert said(library, changed(NODES, prior={"model": "copy"})) == []


def test_a_base_that_has_changed_since_is_told_by_its_hash(library: Library) -> None:
    write_trained(library, base_hash="f" * 16)
    (found,) = said(library)
    now = network_hash(library.folder / "playground/unconditional")
    assert found.startswith("warning M017 'playground/unconditional' of 'Unconditional expert' has")
    assert now in found
    assert "f" * 16 in found


def test_another_latent_space_is_an_error(library: Library) -> None:
    write_model(library.folder / "other", "none", autoencoder=7)
    found = said(library, changed(NODES, prior={"model": "other"}))
    assert any(
        each.startswith("error M015 'Modulator' bends a score of the latent space playground")
        and "of another autoencoder" in each
        for each in found
    )


def test_without_a_map_it_warns_and_plays(library: Library) -> None:
    (found,) = said(library, NODES, (WIRES[0], WIRES[3]))
    assert found.startswith("warning M018 'Modulator' has no map to bend by")
    assert operations(document(NODES, (WIRES[0], WIRES[3])), library)["bend.modulate"]["maps"] == ()


def test_a_map_that_it_does_not_know_is_passed_over(library: Library) -> None:
    write_trained(library, kinds=("sketch",))
    (found,) = said(library)
    assert found.startswith("warning M019 'Modulator' is given a mask, which")
    maps: Any = operations(document(NODES, WIRES), library)["bend.modulate"]["maps"]
    assert [each.kind for each in maps] == ["sketch"]


def test_depth_is_told_to_a_modulator_that_knows_it(library: Library) -> None:
    write_trained(library, kinds=("mask", "depth"))
    nodes = {**NODES, "near": ("depth", {"picture": PICTURE})}
    wires = (*WIRES[:2], "near.depth > bend.depth", WIRES[3])
    maps: Any = operations(document(nodes, wires), library)["bend.modulate"]["maps"]
    assert [each.kind for each in maps] == ["mask", "depth"]
    write_trained(library)
    (found,) = said(library, nodes, wires)
    assert found.startswith("warning M019 'Modulator' is given a depth, which")


def test_a_depth_map_of_one_grey_says_nothing_and_that_is_said(library: Library) -> None:
    write_trained(library, kinds=("depth",))
    flat, ramp = io.BytesIO(), io.BytesIO()
    Image.new("L", (128, 128), 200).save(flat, "PNG")
    Image.linear_gradient("L").resize((128, 128)).save(ramp, "PNG")
    for content, codes in ((flat, ["M027"]), (ramp, [])):
        picture = library.assets.put(content.getvalue())
        nodes = {**NODES, "near": ("depth", {"picture": picture})}
        wires = (WIRES[0], "near.depth > bend.depth", WIRES[3])
        assert [each.split()[1] for each in said(library, nodes, wires)] == codes


def test_modulators_stack_and_those_of_two_bases_are_named(library: Library) -> None:
    write_trained(library, "second", base="playground/sketch")
    nodes = {**NODES, "more": ("modulator", {"model": "second"})}
    wires = (
        *WIRES[:3],
        "bend.score > more.score",
        "mask.mask > more.mask",
        "more.score > picture.score",
    )
    (found,) = said(library, nodes, wires)
    assert found.startswith(
        "warning M016 'Modulator (more)' bends what 'Modulator (bend)' has bent"
    )
    lowered = operations(document(nodes, wires), library)
    assert lowered["more.modulate"].inputs[0].number == lowered["bend.modulate"].number


def test_a_missing_modulator_says_how_to_make_one(tmp_path: Path) -> None:
    found = said(stocked(playground(tmp_path)))
    assert "M001 There is no model 'playground/modulator-maps'" in found[0]
    assert "python -m training modulator" in found[0]


def test_an_expert_is_no_modulator(library: Library) -> None:
    found = said(library, changed(NODES, bend={"model": "playground/text"}))
    assert found[0].startswith("error M014 'playground/text' is no modulator")


def test_a_map_of_another_size_is_noted(tmp_path: Path) -> None:
    library = playground(tmp_path)
    write_trained(library)
    path = tmp_path / "mask.png"
    Image.new("RGB", (40, 20), (116, 176, 224)).save(path)
    sha = library.assets.put(path.read_bytes())
    nodes = changed(NODES, mask={"picture": sha})
    wires = tuple(wire for wire in WIRES if "sketch" not in wire)
    (found,) = said(library, nodes, wires)
    assert found.startswith("note A010 The picture of 'Mask' is fitted: its 40×20 pixels")


def test_a_soft_mask_is_read_as_it_is_painted(library: Library) -> None:
    """Between two classes a colour is both; an expert takes the nearest, and that is said."""
    palette = [{"name": "sky", "colour": [0, 0, 255]}, {"name": "sea", "colour": [0, 255, 0]}]
    write_trained(library, kinds=("mask",), palette=palette)
    rows = np.zeros((128, 128, 3), np.uint8)
    rows[:, :60], rows[:, 60:68], rows[:, 68:] = (0, 0, 255), (0, 128, 127), (0, 255, 0)
    content = io.BytesIO()
    Image.fromarray(rows).save(content, "PNG")
    nodes = changed(NODES, mask={"picture": library.assets.put(content.getvalue())})
    wires = tuple(wire for wire in WIRES if "sketch" not in wire)
    assert said(library, nodes, wires) == []
    (found,) = said(
        library, {**nodes, "prior": ("mask_expert", {})}, (*wires, "mask.mask > prior.mask")
    )[:1]
    assert "in colours of no class and takes the nearest" in found


def test_a_trained_folder_is_noticed_by_an_open_workflow(library: Library) -> None:
    """The compiler keeps what it knows only as long as the folder stands."""
    compiler = Compiler(catalogue(), library)
    workflow = document(NODES, WIRES)
    first = compiler.compile(workflow)
    assert compiler.compile(workflow) is first
    write_trained(library, base_hash="f" * 16)
    again = compiler.compile(workflow)
    assert [each.code for each in again.diagnostics] == ["M017"]
