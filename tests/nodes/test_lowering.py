"""Lowering: what each node adds to the plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graph.compile import compile_workflow
from graph.library import Library
from graph.node import Wired
from graph.plan import Asset, Choice, Condition, Control, Operation, PlanBuilder, Sweep
from graph.workflow import Workflow
from nodes import catalogue
from nodes.reroute import Reroute
from nodes.subgraph import SubgraphNode
from tests.graph.documents import TEXT_AND_CLASS, WIRES, Nodes, changed, document
from tests.graph.fakes import CARDS, playground, write_model

PICTURE = "ab" * 32


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return playground(tmp_path)


def operations(workflow: Workflow, library: Library) -> dict[str, Operation]:
    compiled = compile_workflow(workflow, catalogue(), library)
    assert compiled.plan is not None, "\n".join(map(str, compiled.diagnostics))
    return {f"{each.node}.{each.op}": each for each in compiled.plan.operations}


class Stocked(Library):
    """A library in which every picture is stored."""

    def has(self, sha256: str) -> bool:
        """Yes."""
        return bool(sha256)


def stocked(library: Library) -> Library:
    return Stocked(library.folder, library.folder.parent / "assets")


def test_an_expert_reads_its_faders_as_controls(library: Library) -> None:
    settings = {"reliability": 0.75, "guidance": 4.5, "muted": True, "share": 0.25}
    asked = operations(document(changed(text_expert=settings)), library)["text_expert.denoise"]
    assert asked["expert"] == "playground/text"
    assert asked["condition"] == Condition("text", "a red sailboat")
    assert asked["weight"] == (Control("text_expert.reliability", "number", 0.75, 0.0, 2.0),)
    assert asked["guidance"] == Control("text_expert.guidance", "number", 4.5, -15.0, 15.0)
    assert asked["muted"] == Control("text_expert.muted", "switch", True)
    assert asked["solo"] == Control("text_expert.solo", "switch", False)
    assert asked["share"] == 0.25
    assert asked["range"] == (1.0, 0.0)


def test_an_expert_keeps_to_the_noise_it_was_trained_on(library: Library) -> None:
    card = {"condition": "text", "space": "playground", "level_range": [0.1, 0.8], **CARDS["text"]}
    write_model(library.folder / "playground/text", card=card)
    nodes = changed(text_expert={"from_noise": 0.9, "to_noise": 0.3})
    asked = operations(document(nodes), library)["text_expert.denoise"]
    assert asked["range"] == (0.8, 0.3)


def test_reliabilities_multiply_in_the_order_of_their_wires(library: Library) -> None:
    points = [[1.0, 0.0], [0.0, 2.0]]
    nodes: Nodes = {
        **TEXT_AND_CLASS,
        "curve": ("curve", {"points": points}),
        "map": ("map", {"picture": PICTURE, "black": 0.5, "white": 2.0}),
    }
    wires = tuple(f"{name}.reliability > text_expert.reliability" for name in ("curve", "map"))
    found = operations(document(nodes, (*WIRES, *wires)), stocked(library))
    weight: Any = found["text_expert.denoise"]["weight"]
    assert [str(factor) for factor in weight] == [
        "@text_expert.reliability",
        "@curve.points",
        "@map.picture",
    ]
    assert weight[1].default == ((1.0, 0.0), (0.0, 2.0))
    assert (weight[2].default, weight[2].low, weight[2].high) == (PICTURE, 0.5, 2.0)


def test_a_photograph_becomes_a_sketch_by_its_edges(library: Library) -> None:
    nodes: Nodes = {
        "photo": ("photo", {"picture": PICTURE}),
        "edges": ("edges", {"detail": 0.25}),
        "sketch_expert": ("sketch_expert", {}),
        "picture": ("picture", {}),
    }
    wires = (
        "photo.photo > edges.photo",
        "edges.sketch > sketch_expert.sketch",
        "sketch_expert.score > picture.score",
    )
    asked = operations(document(nodes, wires), stocked(library))["sketch_expert.denoise"]
    assert asked["condition"] == Condition("sketch", Asset(PICTURE), ("edges:0.25",))


def test_a_wired_background_comes_last_and_is_flagged(library: Library) -> None:
    nodes: Nodes = {**TEXT_AND_CLASS, "prior": ("unconditional_expert", {})}
    wires = ("prior.score > fuse.background", *WIRES)
    found = operations(document(nodes, wires), library)
    fuse, prior = found["fuse.fuse"], found["prior.denoise"]
    assert fuse.inputs[-1].number == prior.number
    assert fuse["background"] is True
    assert prior["condition"] is None
    assert fuse["rule"] == Choice("product", (("reference", "mix"),))


@pytest.mark.parametrize("carried", [(), (Condition("text", "a red house"),)])
def test_structure_adds_nothing(carried: tuple[Condition, ...], library: Library) -> None:
    plan, wired = PlanBuilder(), Wired("x", library, {"in": carried}, {})
    assert Reroute().lower(plan, wired) == {"out": carried[0] if carried else None}
    assert SubgraphNode(of="voices").lower(plan, wired) == {}
    assert not plan.operations


def test_the_sampler_says_how(library: Library) -> None:
    settings = {
        "seed": 11,
        "steps": 9,
        "count": 3,
        "method": {"name": "ddim", "eta": 0.5},
        "schedule": {"name": "karras", "rho": 5},
    }
    found = operations(document(changed(sampler=settings)), library)
    noise, sample = found["picture.noise"], found["picture.sample"]
    assert (noise["track"], noise["seed"], noise["samples"]) == ("image", 11, (0, 1, 2))
    assert noise["shape"] == (12, 16, 16)
    assert noise["space"] == library.model("playground/text").space.id
    assert str(sample["sampler"]) == "ddim(eta=0.5)"
    assert str(sample["schedule"]) == "karras(rho=5, ratio_max=80, ratio_min=0.002)"
    assert sample["steps"] == 9
    assert [ref.number for ref in sample.inputs] == [noise.number, found["fuse.fuse"].number]


def test_an_analytic_expert_is_a_choice(library: Library) -> None:
    nodes: Nodes = {
        "one": ("gaussian_expert", {"mean": 0.5, "variance": 0.1, "shape": [1, 4, 4]}),
        "picture": ("picture", {}),
    }
    found = operations(document(nodes, ("one.score > picture.score",)), library)
    expected = (("shape", (1, 4, 4)), ("mean", 0.5), ("variance", 0.1))
    assert found["one.denoise"]["expert"] == Choice("gaussian", expected)
    assert found["picture.noise"]["space"] == "analytic-1x4x4"


def test_a_sweep_is_one_value_for_each_picture(library: Library) -> None:
    nodes: Nodes = {**changed(), "amount": ("sweep", {"start": 0.0, "stop": 1.0, "count": 3})}
    wires = (*WIRES, "amount.reliability > text_expert.reliability")
    found = operations(document(nodes, wires), library)
    weight: Any = found["text_expert.denoise"]["weight"]
    assert weight[1] == Sweep("amount", (0.0, 0.0, 0.5, 0.5, 1.0, 1.0))
    assert found["picture.noise"]["samples"] == (0, 1, 0, 1, 0, 1)
