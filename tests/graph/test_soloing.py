"""Who is silenced by whom, as the plan tells it and as the loop plays it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline

from graph.compile import compile_workflow
from graph.drawing import Wire, WorkflowNode
from graph.ensemble import assemble
from graph.library import Library
from graph.machine import Machine
from graph.plan import Plan
from graph.runtime import Runtime
from graph.scores import kinds
from graph.soloing import groups
from graph.storage import import_assets
from nodes import catalogue
from studio.piece import WORKFLOWS, Piece, library, load
from tests.graph.documents import Nodes, document
from tests.graph.experts import folders, loras

CPU = Machine(torch.device("cpu"), torch.float32)
FORMULAS: Nodes = {
    "a": ("gaussian_expert", {"mean": 0.6}),
    "b": ("gaussian_expert", {"mean": -0.6}),
    "c": ("gaussian_expert", {"mean": 0.1}),
    "behind": ("gaussian_expert", {}),
    "loose": ("gaussian_expert", {}),
    "fuse": ("fuse", {}),
    "form": ("guidance_form", {}),
    "picture": ("picture", {}),
    "other": ("picture", {}),
    "inner": ("fuse", {"rule": {"name": "mean"}}),
}
WIRES = (
    "a.score > fuse.scores",
    "b.score > fuse.scores",
    "behind.score > fuse.background",
    "fuse.score > form.score",
    "form.score > picture.score",
    "c.score > other.score",
)
BEHIND = (
    *(wire for wire in WIRES if not wire.startswith("behind")),
    "behind.score > inner.scores",
    "loose.score > inner.scores",
    "inner.score > fuse.background",
)


def formulas(wires: tuple[str, ...] = WIRES) -> Plan:
    compiled = compile_workflow(document(FORMULAS, wires), catalogue(), library())
    assert compiled.plan is not None, compiled.diagnostics
    return compiled.plan


def shipped(name: str) -> Plan:
    piece = load(WORKFLOWS / f"{name}.json")
    import_assets(piece.workflow, library())
    return piece.plan()


def bridged(*wires: str) -> Plan:
    """*Two latent spaces* with the anchor of its bridge wired so."""
    piece = load(WORKFLOWS / "bridge.json")
    kept = [wire for wire in piece.workflow.wires if wire.origin != "text_expert.score"]
    more = [
        Wire.model_validate(dict(zip(("from", "to"), each.split(" > "), strict=True)))
        for each in wires
    ]
    inner = WorkflowNode(id="inner", type="fuse")
    nodes = (*piece.workflow.nodes, inner) if "inner" in "".join(wires) else piece.workflow.nodes
    changed = piece.workflow.model_copy(update={"wires": (*kept, *more), "nodes": nodes})
    return Piece(changed).plan()


def played(plan: Plan, shelf: Library | None = None) -> dict[str, list[int]]:
    """The groups in which the loop looks for a solo."""
    found: dict[str, list[int]] = {}
    tracks = assemble(plan, Runtime(shelf or library(), CPU)).tracks
    every = [kind for track in tracks for kind in kinds(track.score)]
    for number, kind in enumerate(every):
        for node in dict.fromkeys(each.node for each in kind):
            found.setdefault(node, []).append(number)
    return found


def partners(told: dict[str, list[int]]) -> set[frozenset[str]]:
    """The groups by those who are in them, whatever their numbers."""
    numbers = {number for each in told.values() for number in each}
    return {frozenset(node for node in told if number in told[node]) for number in numbers}


@pytest.mark.parametrize(
    "name", ["bridge", "class-background", "guidance", "modulator", "together", "photo-edges"]
)
def test_a_shipped_workflow_is_told_as_it_is_played(name: str) -> None:
    plan = shipped(name)
    assert partners(groups(plan)) == partners(played(plan))


@pytest.mark.parametrize(
    "wires",
    [
        WIRES,
        (*WIRES[:-1], "a.score > other.score"),
        (*WIRES[:-1], "form.score > other.score"),
        (*WIRES, "behind.score > fuse.scores"),
        BEHIND,
        (*BEHIND, "a.score > inner.scores"),
    ],
)
def test_tracks_and_kinds_are_apart(wires: tuple[str, ...]) -> None:
    plan = formulas(wires)
    assert partners(groups(plan)) == partners(played(plan))


@pytest.mark.parametrize(
    "wires",
    [
        ("text_expert.score > bridge.anchor",),
        ("text_expert.score > inner.scores", "inner.score > bridge.anchor"),
    ],
)
def test_an_anchor_that_is_not_fused_has_no_weight(wires: tuple[str, ...]) -> None:
    plan = bridged(*wires)
    told = groups(plan)
    assert partners(told) == partners(played(plan))
    assert bool(told["text_expert"]) is (len(wires) > 1)


def test_adapters_and_forms_are_apart(tmp_path: Path) -> None:
    shelf = Library(tmp_path / "models", tmp_path / "assets")
    base = StableDiffusionPipeline.from_pretrained(
        folders.stable_diffusion(shelf.folder / "base"), local_files_only=True
    )
    loras.kohya(shelf.folder / "ink.safetensors", {"unet": base.unet}, 1)
    nodes: Nodes = {
        "words": ("text", {"text": "a boat"}),
        "ink": ("lora", {"model": "ink.safetensors"}),
        "a": ("text_expert", {"model": "base"}),
        "fuse": ("fuse", {}),
        "form": ("guidance_form", {}),
        "picture": ("picture", {}),
    }
    wires = (
        "words.text > a.text",
        "ink.adapter > a.adapters",
        "a.score > fuse.scores",
        "fuse.score > form.score",
        "form.score > picture.score",
    )
    plan = compile_workflow(document(nodes, wires), catalogue(), shelf).plan
    assert plan is not None
    told = partners(groups(plan))
    assert (
        told
        == partners(played(plan, shelf))
        == {frozenset({each}) for each in ("a", "ink", "form")}
    )


def test_a_background_that_is_a_fusion_has_a_group_of_its_own() -> None:
    told = groups(formulas(BEHIND))
    assert told["behind"] == told["loose"] != []
    assert not {*told["behind"]} & {*told["a"]}
    shared = groups(formulas((*BEHIND, "a.score > inner.scores")))
    assert shared["a"] == shared["b"], "who plays too is silenced where he plays"
    assert not {*shared["a"]} & {*shared["behind"]}


def test_what_no_switch_silences_is_in_no_group() -> None:
    told = groups(formulas())
    assert told["behind"] == []
    assert "loose" not in told
    assert told["a"] == told["b"]
    assert not {*told["a"]} & {*told["form"], *told["c"]}
