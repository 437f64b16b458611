"""The node of forms of guidance: what it adds to the plan, and what cannot be formed."""

from __future__ import annotations

from pathlib import Path

import pytest

import graph.forms
from graph.compile import compile_workflow
from graph.interfaces import GuidanceForm
from graph.library import Library
from graph.plan import Choice, Control
from graph.registry import choices
from nodes import catalogue
from tests.graph.classifiers import write_classifier
from tests.graph.documents import Nodes, changed, document
from tests.graph.fakes import playground
from tests.nodes.test_lowering import operations

NODES: Nodes = {
    "scene": ("label", {"name": "sea at night"}),
    "expert": ("class_expert", {"guidance": 0.5}),
    "form": ("guidance_form", {}),
    "sampler": ("sampler", {"method": {"name": "ddim"}}),
    "picture": ("picture", {}),
}
WIRES = (
    "scene.class > expert.class",
    "expert.score > form.score",
    "form.score > picture.score",
    "sampler.sampling > picture.sampling",
)
BENT = {**NODES, "bend": ("guidance", {})}


@pytest.fixture
def library(tmp_path: Path) -> Library:
    found = playground(tmp_path)
    write_classifier(found.folder / "playground" / "classifier")
    return found


def said(library: Library, nodes: Nodes, wires: tuple[str, ...]) -> list[str]:
    found = compile_workflow(document(nodes, wires), catalogue(), library).diagnostics
    return [f"{each.severity} {each}" for each in found]


@pytest.mark.parametrize("name", choices(graph.forms, GuidanceForm))
def test_an_expert_is_fused_with_its_null_and_formed(name: str, library: Library) -> None:
    nodes = changed(NODES, form={"form": {"name": name}, "reliability": 0.7})
    found = operations(document(nodes, WIRES), library)
    form = found["form.form"]
    assert [ref.number for ref in form.inputs] == [found["form.fuse"].number]
    assert [ref.number for ref in found["form.fuse"].inputs] == [found["expert.denoise"].number]
    assert found["picture.sample"].inputs[1].number == form.number
    assert isinstance(form["form"], Choice)
    assert form["form"].name == name
    assert form["weight"] == (Control("form.reliability", "number", 0.7, 0.0, 1.0),)
    assert form["muted"] == Control("form.muted", "switch", False)
    assert form["solo"] == Control("form.solo", "switch", False)
    assert said(library, nodes, WIRES) == []


def test_forms_of_a_fusion_follow_one_another_and_can_be_fused_again(library: Library) -> None:
    nodes: Nodes = {
        **NODES,
        "fuse": ("fuse", {}),
        "second": ("guidance_form", {"form": {"name": "rescale"}}),
        "whole": ("fuse", {"rule": {"name": "mean"}}),
    }
    wires = (
        "scene.class > expert.class",
        "expert.score > fuse.scores",
        "fuse.score > form.score",
        "form.score > second.score",
        "second.score > whole.scores",
        "whole.score > picture.score",
    )
    found = operations(document(nodes, wires), library)
    assert "form.fuse" not in found
    assert [ref.number for ref in found["form.form"].inputs] == [found["fuse.fuse"].number]
    assert [ref.number for ref in found["second.form"].inputs] == [found["form.form"].number]
    assert [ref.number for ref in found["whole.fuse"].inputs] == [found["second.form"].number]


def test_a_bent_expert_can_be_formed_and_a_formed_one_bent(library: Library) -> None:
    within = ("expert.score > bend.score", "scene.class > bend.class", "bend.score > form.score")
    found = operations(document(BENT, (WIRES[0], *within, *WIRES[2:])), library)
    assert [ref.number for ref in found["form.fuse"].inputs] == [found["bend.guide"].number]
    after = ("form.score > bend.score", "scene.class > bend.class", "bend.score > picture.score")
    found = operations(document(BENT, (*WIRES[:2], *after)), library)
    assert "picture.fuse" not in found
    assert [ref.number for ref in found["bend.guide"].inputs] == [found["form.form"].number]


def test_a_fusion_is_formed_before_it_is_bent(library: Library) -> None:
    nodes: Nodes = {**BENT, "fuse": ("fuse", {})}
    wires = (
        "scene.class > expert.class",
        "scene.class > bend.class",
        "expert.score > fuse.scores",
        "fuse.score > bend.score",
        *("bend.score > form.score", "form.score > picture.score"),
    )
    (found,) = said(library, nodes, wires)
    assert found == (
        "error F020 'Guidance form' forms the guidance of a fusion, and 'Guidance' bends one. "
        "Wire 'Guidance form' to the fusion, and 'Guidance' after it."
    )
